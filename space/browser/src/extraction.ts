// Video to landmarks, with MediaPipe Holistic; slr_hf/model/extraction_slr.py is the same in Python.

import { HolisticLandmarker } from "@mediapipe/tasks-vision";
import { ALL_FORMATS, BlobSource, CanvasSink, Input, type InputVideoTrack } from "mediabunny";
import { fetchFile } from "./files";
import { coordinatesOf, type Facts, type Landmarks } from "./landmarks";
import { Problem } from "./problems";

/** The longest video in seconds, and the largest frame in millions of pixels. */
export const LONGEST_SECONDS = 15;
export const LARGEST_MEGAPIXELS = 9;

/** Pixels of the shorter side of the frames that the landmarker sees; larger ones are scaled down. */
const FRAME_SIZE = 640;

/** Confidence below which a detection does not count. */
const MIN_CONFIDENCE = 0.5;

/** What MediaPipe computes with. */
export type Delegate = "GPU" | "CPU";

/** Landmarks with the time of each frame in seconds. */
export type TimedLandmarks = Landmarks & { times: number[] };

/** Called with the share that is done, from 0 to 1. */
export type Progress = (share: number) => void;

export class HolisticExtractor {
  private constructor(
    private readonly models: Uint8Array,
    private readonly wasm: URL,
    private readonly groups: Facts["groups"],
    private readonly delegates: Delegate[],
  ) {}

  /**
   * Loads the landmark models.
   *
   * @param folder What scripts/export_browser.py has written.
   * @param wasm The folder of MediaPipe's WebAssembly.
   * @param groups The layout of landmarks.
   * @param delegates What to compute with, in order of preference.
   * @throws Problem If the bundle is missing.
   */
  static async open(
    folder: URL,
    wasm: URL,
    groups: Facts["groups"],
    delegates: Delegate[] = hasGraphics() ? ["GPU", "CPU"] : ["CPU"],
  ): Promise<HolisticExtractor> {
    const models = await (await fetchFile(folder, "holistic_landmarker.task")).arrayBuffer();
    return new HolisticExtractor(new Uint8Array(models), wasm, groups, delegates);
  }

  /**
   * Finds the landmarks of one clip.
   *
   * @param video A file, or what a camera has recorded.
   * @param progress Told how much is done.
   * @throws Problem If it is no video, cannot be decoded here, or is over a limit.
   */
  async extract(video: Blob, progress: Progress = () => {}): Promise<TimedLandmarks> {
    using input = new Input({ source: new BlobSource(video), formats: ALL_FORMATS });
    const { track, width, height, duration } = await openTrack(input);
    const scale = Math.min(1, FRAME_SIZE / Math.min(width, height));
    const sink = new CanvasSink(track, {
      width: Math.round(width * scale),
      height: Math.round(height * scale),
      fit: "contain", // where a video changes its shape
      poolSize: 2,
    });
    const frames: Float32Array[] = [];
    const times: number[] = [];
    // A landmarker tracks what it saw last, so every clip gets one of its own.
    const landmarker = await this.createLandmarker();
    try {
      for await (const { canvas, timestamp } of decoded(sink)) {
        const time = Math.max((times.at(-1) ?? -1) + 0.001, timestamp); // must rise
        frames.push(coordinatesOf(landmarker.detectForVideo(canvas, Math.round(1000 * time)), this.groups));
        times.push(time);
        progress(Math.min(1, timestamp / duration));
        await new Promise((resolve) => setTimeout(resolve)); // the page stays alive meanwhile
      }
    } finally {
      landmarker.close();
    }
    if (frames.length === 0) throw new Problem("unreadable");
    const span = times.at(-1)! - times[0]!;
    return { frames, times, fps: span > 0 ? (frames.length - 1) / span : 0, width, height };
  }

  private async createLandmarker(): Promise<HolisticLandmarker> {
    let failure: unknown;
    for (const delegate of this.delegates) {
      try {
        return await HolisticLandmarker.createFromOptions(
          {
            wasmLoaderPath: new URL("vision_wasm_internal.js", this.wasm).href,
            wasmBinaryPath: new URL("vision_wasm_internal.wasm", this.wasm).href,
          },
          {
            baseOptions: { modelAssetBuffer: this.models, delegate },
            runningMode: "VIDEO",
            minFaceDetectionConfidence: MIN_CONFIDENCE,
            minFacePresenceConfidence: MIN_CONFIDENCE,
            minPoseDetectionConfidence: MIN_CONFIDENCE,
            minPosePresenceConfidence: MIN_CONFIDENCE,
            minHandLandmarksConfidence: MIN_CONFIDENCE,
          },
        );
      } catch (error) {
        console.warn(`MediaPipe does not start on the ${delegate}.`, error);
        failure = error;
      }
    }
    throw new Problem("no_landmarker", failure);
  }
}

/** Tells whether WebGL is more than software: on that, the GPU delegate takes minutes where the CPU takes seconds. */
function hasGraphics(): boolean {
  const context = new OffscreenCanvas(1, 1).getContext("webgl2");
  if (!context) return false;
  const names = context.getExtension("WEBGL_debug_renderer_info");
  const renderer = String(context.getParameter(names?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER));
  return !/swiftshader|llvmpipe|software|basic render/i.test(renderer);
}

async function openTrack(
  input: Input,
): Promise<{ track: InputVideoTrack; width: number; height: number; duration: number }> {
  try {
    const track = await input.getPrimaryVideoTrack();
    if (!track) throw new Problem("unreadable");
    if (!(await track.canDecode())) throw new Problem("undecodable");
    const [width, height] = [await track.getDisplayWidth(), await track.getDisplayHeight()];
    const duration = (await track.computeDuration()) - (await track.getFirstTimestamp());
    if (duration > LONGEST_SECONDS) throw new Problem("too_long");
    if (width * height > LARGEST_MEGAPIXELS * 1e6) throw new Problem("too_large");
    return { track, width, height, duration };
  } catch (error) {
    throw error instanceof Problem ? error : new Problem("unreadable", error);
  }
}

/** The frames of a clip in order; where the file is damaged, those before the damage. */
async function* decoded(sink: CanvasSink): ReturnType<CanvasSink["canvases"]> {
  let count = 0;
  try {
    for await (const frame of sink.canvases()) {
      count += 1;
      yield frame;
    }
  } catch (error) {
    if (count === 0) throw new Problem("unreadable", error);
    console.warn(`The video is damaged after ${count} frames. The rest is left out.`, error);
  }
}
