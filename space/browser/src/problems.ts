// Why there is no answer.

import type { TextKey } from "./texts";

/** A friendly no: its name is the key of a text of the page. */
export class Problem extends Error {
  constructor(
    readonly key: TextKey,
    cause?: unknown,
  ) {
    super(key, { cause });
  }
}
