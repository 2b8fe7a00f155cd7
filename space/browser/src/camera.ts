// The camera of the device: opened, shown, recorded and closed again.

import { Problem } from "./problems";

/** How long a recording is, and the time to get ready before it, in seconds. */
export const RECORDED_SECONDS = 3;
export const READY_SECONDS = 2;

/**
 * Records one clip.
 *
 * @param preview Shows what the camera sees meanwhile.
 * @param announce Told the whole seconds until the recording begins; 0 when it does.
 * @throws Problem If there is no camera, or its use is refused.
 */
export async function record(preview: HTMLVideoElement, announce: (seconds: number) => void): Promise<Blob> {
  const stream = await openCamera();
  try {
    preview.srcObject = stream;
    await preview.play();
    for (let seconds = READY_SECONDS; seconds > 0; seconds -= 1) {
      announce(seconds);
      await pause(1);
    }
    announce(0);
    return await recordStream(stream);
  } finally {
    for (const track of stream.getTracks()) track.stop();
    preview.srcObject = null;
  }
}

async function openCamera(): Promise<MediaStream> {
  try {
    // No sound is recorded, so the browser does not ask for the microphone.
    return await navigator.mediaDevices.getUserMedia({
      video: { width: { ideal: 1280 }, height: { ideal: 720 } },
      audio: false,
    });
  } catch (error) {
    const refused = error instanceof DOMException && error.name === "NotAllowedError";
    throw new Problem(refused ? "camera_refused" : "no_camera", error);
  }
}

async function recordStream(stream: MediaStream): Promise<Blob> {
  const recorder = new MediaRecorder(stream);
  const pieces: Blob[] = [];
  recorder.ondataavailable = ({ data }) => pieces.push(data);
  const stopped = new Promise<void>((resolve, reject) => {
    recorder.onstop = () => resolve();
    recorder.onerror = () => reject(new Problem("no_camera"));
  });
  recorder.start();
  setTimeout(() => {
    if (recorder.state === "recording") recorder.stop();
  }, 1000 * RECORDED_SECONDS);
  await stopped;
  return new Blob(pieces, { type: recorder.mimeType });
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
}
