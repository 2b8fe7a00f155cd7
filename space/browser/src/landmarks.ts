// Landmarks in MediaPipe Holistic's layout of 543 points, and what the model's file of facts says of them.

import type { HolisticLandmarkerResult } from "@mediapipe/tasks-vision";

/** What slr_hf/hub/browser_model.py writes: the layout of landmarks, and what the model takes and gives. */
export interface Facts {
  /** The glosses, in the order of the probabilities. */
  labels: string[];
  /** The Holistic index of each column of landmarks that the model takes. */
  points: number[];
  /** First landmark of each detected group, and the one after its last. */
  groups: Record<"face" | "left_hand" | "pose" | "right_hand", [number, number]>;
  /** Whether each part that the model looks at is a hand, and its points. */
  parts: { is_hand: boolean; points: number[] }[];
  /** Points that should stay in the picture; no head where the model does not look at the body. */
  head: number[];
  wrists: number[];
  /** The colour of each group that is drawn, and the pairs of points to join. */
  skeleton: { colour: string; edges: [number, number][] }[];
}

/** The landmarks of one clip. */
export interface Landmarks {
  /** `(points, 3)` of each frame: x and y as fractions of width and height, NaN = not detected. */
  frames: Float32Array[];
  /** Frames a second, or 0 where unknown. */
  fps: number;
  /** The size of an upright frame. */
  width: number;
  height: number;
}

/** The landmarks of one frame, `(543, 3)`, of what MediaPipe has found. */
export function coordinatesOf(result: HolisticLandmarkerResult, groups: Facts["groups"]): Float32Array {
  const found = {
    face: result.faceLandmarks,
    pose: result.poseLandmarks,
    left_hand: result.leftHandLandmarks,
    right_hand: result.rightHandLandmarks,
  };
  const coordinates = new Float32Array(3 * Math.max(...Object.values(groups).map(([, stop]) => stop))).fill(NaN);
  for (const [name, [start, stop]] of Object.entries(groups)) {
    // The face has ten more points at its end: the irises.
    const points = found[name as keyof typeof found][0]?.slice(0, stop - start) ?? [];
    points.forEach((point, index) => coordinates.set([point.x, point.y, point.z], 3 * (start + index)));
  }
  return coordinates;
}

/** Tells whether all of `points` were detected in a frame. */
export function isDetected(frame: Float32Array, points: number[]): boolean {
  return points.every((point) => !Number.isNaN(frame[3 * point]));
}

/** Frames with a hand, and the share of all frames, below which an answer may be poor. */
const FEWEST_FRAMES = 5;
const FEWEST_SHARE = 0.5;

/** Share of the frames in which something is out of view before it is told. */
const OUT_OF_VIEW = 0.25;

/** Tells in how large a share of the frames one of `points` lies beyond the left, right or upper border. */
function shareOutside(landmarks: Landmarks, points: number[]): number {
  const outside = landmarks.frames.filter((frame) =>
    // Comparisons with NaN are false.
    points.some((point) => frame[3 * point]! < 0 || frame[3 * point]! > 1 || frame[3 * point + 1]! < 0),
  );
  return outside.length / landmarks.frames.length;
}

export type Warning =
  | "no_hands"
  | "hands_rarely_seen"
  | "too_short"
  | "no_body"
  | "head_out_of_view"
  | "hands_out_of_view";

/** Tells what in the clip may make its answer poor; the same as `SignRecognitionPipeline.find_warnings`. */
export function findWarnings(landmarks: Landmarks, facts: Facts): Warning[] {
  // What the model does not look at is no reason: `null` where it looks at no such part.
  const count = (isHand: boolean): number | null => {
    const parts = facts.parts.filter((part) => part.is_hand === isHand);
    if (parts.length === 0) return null;
    return landmarks.frames.filter((frame) => parts.some((part) => isDetected(frame, part.points))).length;
  };
  const hands = count(true);
  const warnings: Warning[] = [];
  if (hands !== null) {
    if (hands === 0) warnings.push("no_hands");
    else if (hands < FEWEST_SHARE * landmarks.frames.length) warnings.push("hands_rarely_seen");
    if (hands > 0 && hands < FEWEST_FRAMES) warnings.push("too_short");
  }
  if (count(false) === 0) warnings.push("no_body");
  if (shareOutside(landmarks, facts.head) > OUT_OF_VIEW) warnings.push("head_out_of_view");
  if (hands !== null && shareOutside(landmarks, facts.wrists) > OUT_OF_VIEW) warnings.push("hands_out_of_view");
  return warnings;
}
