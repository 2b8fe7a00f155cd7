// The exported model, run by onnxruntime-web: landmarks in, probabilities out.

import * as ort from "onnxruntime-web/wasm";
import type { Facts, Landmarks } from "./landmarks";
import { Problem } from "./problems";

export interface Answer {
  /** The probability of each gloss, in the order of the model's labels. */
  probabilities: Float32Array;
  /** The probability that the best one is right. */
  confidence: number;
}

export class SignModel {
  private constructor(
    private readonly session: ort.InferenceSession,
    readonly facts: Facts,
  ) {}

  /**
   * Loads a model.
   *
   * @param folder What scripts/export_browser.py has written.
   * @param wasm The folder of onnxruntime's WebAssembly.
   * @throws Problem If a file is missing or unusable.
   */
  static async open(folder: URL, wasm: URL): Promise<SignModel> {
    ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", wasm) };
    // More threads need a page that is isolated from others, by headers that static hosts do not send.
    ort.env.wasm.numThreads = 1;
    try {
      const [facts, graph] = await Promise.all([fetchFile(folder, "model.json"), fetchFile(folder, "model.onnx")]);
      const session = await ort.InferenceSession.create(await graph.arrayBuffer(), { executionProviders: ["wasm"] });
      return new SignModel(session, (await facts.json()) as Facts);
    } catch (error) {
      throw new Problem("no_model", error);
    }
  }

  /**
   * Answers a clip.
   *
   * @param landmarks The clip, at least one frame.
   * @param mirror Whether to swap the signer's sides.
   */
  async recognize(landmarks: Landmarks, mirror = false): Promise<Answer> {
    const { points } = this.facts;
    const { frames } = landmarks;
    const columns = new Float32Array(frames.length * points.length * 3);
    frames.forEach((frame, row) =>
      points.forEach((point, column) =>
        columns.set(frame.subarray(3 * point, 3 * point + 3), 3 * (row * points.length + column)),
      ),
    );
    const { probabilities, confidence } = await this.session.run({
      landmarks: new ort.Tensor("float32", columns, [1, frames.length, points.length, 3]),
      num_frames: new ort.Tensor("int64", [BigInt(frames.length)], [1]),
      fps: new ort.Tensor("float32", [landmarks.fps], [1]),
      aspect: new ort.Tensor("float32", [landmarks.width / landmarks.height], [1]),
      mirror: new ort.Tensor("bool", [mirror], [1]),
    });
    return {
      probabilities: probabilities!.data as Float32Array,
      confidence: (confidence!.data as Float32Array)[0]!,
    };
  }
}

async function fetchFile(folder: URL, name: string): Promise<Response> {
  const response = await fetch(new URL(name, folder));
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${response.statusText}`);
  return response;
}
