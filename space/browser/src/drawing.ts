// The skeleton that was found, drawn over a video while it plays.

import type { TimedLandmarks } from "./extraction";
import type { Facts } from "./landmarks";

/** Lines are drawn on a dark border, so that they are seen on bright and dark clothes. */
const BORDER = "rgb(20, 20, 20)";

/** Width of a line as a share of the frame's shorter side. */
const LINE = 1 / 160;

/**
 * Draws the skeleton of the frame that a video shows, now and whenever that changes, until it shows another file.
 *
 * @param video The player of the clip.
 * @param canvas Lies over the player.
 * @param landmarks What was found in the clip.
 * @param skeleton What is joined, and its colours.
 */
export function followVideo(
  video: HTMLVideoElement,
  canvas: HTMLCanvasElement,
  landmarks: TimedLandmarks,
  skeleton: Facts["skeleton"],
): void {
  const { src } = video;
  canvas.width = landmarks.width;
  canvas.height = landmarks.height;
  const draw = (time: number): void => {
    if (video.src !== src) return;
    const later = landmarks.times.findIndex((other) => other > time + 0.001);
    drawSkeleton(canvas, landmarks.frames.at(Math.max(later - 1, later === -1 ? -1 : 0))!, skeleton);
    video.requestVideoFrameCallback((_, { mediaTime }) => draw(mediaTime));
  };
  draw(video.currentTime);
}

function drawSkeleton(canvas: HTMLCanvasElement, frame: Float32Array, skeleton: Facts["skeleton"]): void {
  const context = canvas.getContext("2d")!;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.lineCap = "round";
  const line = Math.max(LINE * Math.min(canvas.width, canvas.height), 1);
  for (const { colour, edges } of skeleton) {
    const path = new Path2D();
    for (const edge of edges) {
      const [x0, y0, x1, y1] = edge.flatMap((point) => [
        frame[3 * point]! * canvas.width,
        frame[3 * point + 1]! * canvas.height,
      ]);
      if (Number.isNaN(x0! + x1!)) continue;
      path.moveTo(x0!, y0!);
      path.lineTo(x1!, y1!);
    }
    for (const [style, width] of [[BORDER, line + 2] as const, [colour, line] as const]) {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.stroke(path);
    }
  }
}
