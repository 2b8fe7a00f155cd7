// The files that the page loads from its own host.

import { Problem } from "./problems";

/**
 * Loads a file.
 *
 * @param folder Where it lies.
 * @param name Its name.
 * @throws Problem If it is missing, or the host does not answer.
 */
export async function fetchFile(folder: URL, name: string): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(new URL(name, folder));
  } catch (error) {
    throw new Problem("no_model", error);
  }
  if (!response.ok) throw new Problem("no_model", `${response.url}: ${response.status} ${response.statusText}`);
  return response;
}
