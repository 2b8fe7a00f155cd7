// Recognition without the page: what other pages need to import of it.

import { type Delegate, HolisticExtractor, type Progress, type TimedLandmarks } from "./extraction";
import { findWarnings, type Landmarks, type Warning } from "./landmarks";
import { SignModel } from "./model";

/** The answer to a clip. */
export interface Recognition {
  /** All glosses with their probabilities, the best first. */
  predictions: { label: string; score: number }[];
  /** The probability that the first answer is right. */
  confidence: number;
  warnings: Warning[];
}

/** Extractor and model in one: from a video to the gloss. */
export class Recognizer {
  private constructor(
    readonly model: SignModel,
    private readonly extractor: HolisticExtractor,
  ) {}

  /**
   * Loads all that recognition needs.
   *
   * @param base The folder of the page, with `model` and `wasm` in it.
   * @param delegates What MediaPipe computes with, in order of preference.
   * @throws Problem If a file is missing or unusable.
   */
  static async open(base: URL, delegates?: Delegate[]): Promise<Recognizer> {
    const [models, wasm] = [new URL("model/", base), new URL("wasm/", base)];
    const model = await SignModel.open(models, wasm);
    const bundle = new URL("holistic_landmarker.task", models);
    return new Recognizer(model, await HolisticExtractor.open(bundle, wasm, model.facts.groups, delegates));
  }

  /** Finds the landmarks of a video; see `HolisticExtractor.extract`. */
  extract(video: Blob, progress?: Progress): Promise<TimedLandmarks> {
    return this.extractor.extract(video, progress);
  }

  /**
   * Names the sign in a clip.
   *
   * @param landmarks The clip, at least one frame.
   * @param mirror Whether to swap the signer's sides.
   */
  async recognize(landmarks: Landmarks, mirror = false): Promise<Recognition> {
    const { facts } = this.model;
    const { probabilities, confidence } = await this.model.recognize(landmarks, mirror);
    const predictions = facts.labels.map((label, index) => ({ label, score: probabilities[index]! }));
    predictions.sort((one, other) => other.score - one.score);
    return { predictions, confidence, warnings: findWarnings(landmarks, facts) };
  }
}
