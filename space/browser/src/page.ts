// The page: what visitors do, and what they see.

import { READY_SECONDS, record, RECORDED_SECONDS } from "./camera";
import { followVideo } from "./drawing";
import { type Delegate, LARGEST_MEGAPIXELS, LONGEST_SECONDS, type TimedLandmarks } from "./extraction";
import { Problem } from "./problems";
import { type Recognition, Recognizer } from "./recognition";
import { type Language, type TextKey, text, TEXTS } from "./texts";

/** How many glosses are shown. */
const NUM_ANSWERS = 5;

/** The gloss of clips without a sign. */
const NO_SIGN = "no_event";

/** The least confidence for each word. */
const CONFIDENCE_WORDS: [number, TextKey][] = [
  [0.9, "sure"],
  [0.7, "fairly_sure"],
  [0.4, "unsure"],
  [0, "guessing"],
];

/** Something to say: the key of a text, its values, and how it looks. */
interface Message {
  key: TextKey;
  kind?: "hint" | "problem";
  values?: Record<string, string | number>;
}

function element<T extends HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element #${id}.`);
  return found as T;
}

class SignPage {
  private readonly recordButton = element<HTMLButtonElement>("record");
  private readonly file = element<HTMLInputElement>("file");
  private readonly mirror = element<HTMLInputElement>("mirror");
  private readonly preview = element<HTMLVideoElement>("preview");
  private readonly clip = element<HTMLVideoElement>("clip");
  private readonly progress = element<HTMLProgressElement>("progress");
  private language: Language = navigator.language.startsWith("ru") ? "ru" : "en";
  private messages: Message[] = [];
  private landmarks: TimedLandmarks | null = null;
  private recognition: Recognition | null = null;

  constructor(private readonly opened: Promise<Recognizer>) {
    this.say({ key: "loading" });
    for (const radio of document.querySelectorAll<HTMLInputElement>("input[name=language]")) {
      radio.checked = radio.value === this.language;
      radio.onchange = () => {
        this.language = radio.value as Language;
        this.translate();
      };
    }
    this.recordButton.onclick = () => void this.attempt(() => this.recordClip());
    this.file.onchange = () => {
      const [video] = this.file.files ?? [];
      this.file.value = ""; // so that the same file can be chosen again
      if (video) void this.attempt(() => this.answer(video));
    };
    this.mirror.onchange = () => void this.attempt(() => this.recognize());
    this.translate();
    void this.attempt(async () => {
      const { labels } = (await opened).model.facts;
      const known = labels.filter((label) => label !== NO_SIGN);
      known.sort((one, other) => one.localeCompare(other));
      element("vocabulary").replaceChildren(...known.map((label) => make("li", "", label)));
      this.say({ key: "hint", kind: "hint" });
    });
  }

  /** Does something during which nothing else can be asked for, and tells why where it does not work. */
  private async attempt(work: () => Promise<void>): Promise<void> {
    const controls = [this.recordButton, this.file, this.mirror];
    for (const control of controls) control.disabled = true;
    try {
      await work();
    } catch (error) {
      console.error(error);
      if (error instanceof Problem) this.say({ key: error.key, kind: "problem" });
      else this.say({ key: "failed", kind: "problem", values: { message: String(error) } });
    } finally {
      this.progress.hidden = true;
    }
    const usable = await this.opened.then(
      () => true,
      () => false,
    );
    for (const control of controls) control.disabled = !usable;
  }

  private async recordClip(): Promise<void> {
    this.show(null);
    element("stage").hidden = this.preview.hidden = false;
    this.say({ key: "get_ready", values: { seconds: READY_SECONDS } });
    let video: Blob;
    try {
      video = await record(this.preview, (seconds) =>
        this.say(seconds ? { key: "get_ready", values: { seconds } } : { key: "recording" }),
      );
    } finally {
      element("stage").hidden = this.preview.hidden = true;
    }
    await this.answer(video);
  }

  private async answer(video: Blob): Promise<void> {
    this.show(video);
    this.say({ key: "finding" });
    this.progress.hidden = false;
    const recognizer = await this.opened;
    const landmarks = await recognizer.extract(video, (share) => (this.progress.value = share));
    this.landmarks = landmarks;
    followVideo(this.clip, element<HTMLCanvasElement>("skeleton"), landmarks, recognizer.model.facts.skeleton);
    // A player without the file's codec, or a browser that saves energy, may not play.
    this.clip.play().catch((error: unknown) => console.warn("The video does not play.", error));
    await this.recognize();
  }

  private async recognize(): Promise<void> {
    if (!this.landmarks) return;
    const { landmarks } = this;
    const recognition = await (await this.opened).recognize(landmarks, this.mirror.checked);
    this.recognition = recognition;
    // For scripts of pages that are made of this one.
    document.dispatchEvent(new CustomEvent("sign", { detail: { landmarks, recognition } }));
    const word = CONFIDENCE_WORDS.find(([least]) => recognition.confidence >= least)![1];
    const warnings = recognition.warnings.map((key): Message => ({ key, kind: "problem" }));
    // Without hands, glosses would be made up.
    this.say(...(recognition.warnings.includes("no_hands") ? [] : [{ key: word }]), ...warnings);
  }

  /** Shows a clip in the place of the one before, whose answer goes. */
  private show(video: Blob | null): void {
    this.landmarks = this.recognition = null;
    this.progress.value = 0;
    const skeleton = element<HTMLCanvasElement>("skeleton");
    skeleton.getContext("2d")!.clearRect(0, 0, skeleton.width, skeleton.height);
    if (this.clip.src) URL.revokeObjectURL(this.clip.src);
    if (video) this.clip.src = URL.createObjectURL(video);
    else this.clip.removeAttribute("src");
    element("stage").hidden = this.clip.hidden = !video;
  }

  /** Says something in the place of what was said before. */
  private say(...messages: Message[]): void {
    this.messages = messages;
    this.update();
  }

  /** Shows answer and messages in the language of the page. */
  private update(): void {
    const rows = (this.recognition?.predictions ?? []).slice(0, NUM_ANSWERS).map(({ label, score }) => {
      const row = make("li");
      const bar = make("span", "bar");
      bar.ariaHidden = "true";
      bar.append(make("span"));
      (bar.firstChild as HTMLElement).style.width = `${100 * score}%`;
      const gloss = label === NO_SIGN ? text(this.language, "no_event") : label;
      row.append(make("span", "gloss", gloss), make("span", "share", `${Math.round(100 * score)}\u00a0%`), bar);
      return row;
    });
    const answer = element("answer");
    answer.replaceChildren();
    if (rows.length > 0 && !this.recognition!.warnings.includes("no_hands")) {
      const list = make("ol", "answers");
      list.append(...rows);
      answer.append(make("h2", "", text(this.language, "answer")), list);
    }
    const limits = { longest: LONGEST_SECONDS, megapixels: LARGEST_MEGAPIXELS, recorded: RECORDED_SECONDS };
    element("status").replaceChildren(
      ...this.messages.map(({ key, kind, values }) => {
        const line = make("p", kind, text(this.language, key, { ...limits, ...values }));
        if (kind === "problem") line.role = "alert";
        return line;
      }),
    );
  }

  private translate(): void {
    const limits = { longest: LONGEST_SECONDS };
    document.documentElement.lang = this.language;
    document.title = TEXTS[this.language].title;
    for (const place of document.querySelectorAll<HTMLElement>("[data-text]"))
      place.textContent = text(this.language, place.dataset.text as TextKey, limits);
    for (const place of document.querySelectorAll<HTMLElement>("[data-label]"))
      place.ariaLabel = text(this.language, place.dataset.label as TextKey, limits);
    this.update();
  }
}

function make(tag: string, className = "", content = ""): HTMLElement {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = content;
  return made;
}

// What MediaPipe computes with can be chosen, for devices whose graphics are slow or wrong: ?delegate=cpu
const delegate = new URLSearchParams(location.search).get("delegate")?.toUpperCase();
const delegates: Delegate[] | undefined = delegate === "CPU" || delegate === "GPU" ? [delegate] : undefined;
new SignPage(Recognizer.open(new URL(".", location.href), delegates));
