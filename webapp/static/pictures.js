// Rendered pictures by address, decoded and kept in memory up to a bound; nothing is written to disk here.

const MOST_PIXELS = 48e6; // four bytes each
const MOST_PREFETCHES = 3;
const BUSY = 503; // too many ask for pictures at once: the server says so at once
const SECOND_TRY_AFTER = 700; // ms

export class PictureError extends Error {
  constructor(title, message) {
    super(message);
    this.title = title;
  }
}

async function ask(address) {
  try {
    return await fetch(address, { headers: { Accept: "image/jpeg, application/json" } });
  } catch {
    throw new PictureError("No connection to the server", "Please try again shortly.");
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

// The window in which the server rendered it, in the file's units; null where there is none.
function windowOf(response) {
  const [center, width] = (response.headers.get("Noctis-Window") ?? "").split(" ").map(Number);
  return width > 0 ? { center, width } : null;
}

export class PictureCache {
  #pictures = new Map(); // { bitmap, window }, the least recently used first
  #underWay = new Map();
  #waiting = [];
  #pixels = 0;

  peek(address) {
    const picture = this.#pictures.get(address);
    if (picture) {
      this.#pictures.delete(address);
      this.#pictures.set(address, picture);
    }
    return picture;
  }

  async get(address) {
    return this.peek(address) ?? this.#fetchOnce(address);
  }

  // Neighbours of what is seen now: older wishes are dropped, as the reader has scrolled on.
  prefetch(address) {
    if (this.#pictures.has(address) || this.#underWay.has(address)) return;
    this.#waiting.unshift(address);
    this.#waiting.length = Math.min(this.#waiting.length, 8);
    this.#pump();
  }

  #pump() {
    while (this.#underWay.size < MOST_PREFETCHES && this.#waiting.length > 0) {
      const address = this.#waiting.pop();
      if (!this.#pictures.has(address)) this.#fetchOnce(address).catch(() => {});
    }
  }

  #fetchOnce(address) {
    let promise = this.#underWay.get(address);
    if (!promise) {
      promise = this.#fetch(address).finally(() => {
        this.#underWay.delete(address);
        this.#pump();
      });
      this.#underWay.set(address, promise);
    }
    return promise;
  }

  async #fetch(address) {
    let response = await ask(address);
    if (response.status === BUSY) {
      await pause(SECOND_TRY_AFTER);
      response = await ask(address);
    }
    if (!response.ok) {
      const { title, message } = await response.json().catch(() => ({}));
      throw new PictureError(title ?? "The picture can't be loaded", message ?? "");
    }
    const picture = { bitmap: await createImageBitmap(await response.blob()), window: windowOf(response) };
    this.#keep(address, picture);
    return picture;
  }

  #keep(address, picture) {
    this.#pictures.set(address, picture);
    this.#pixels += picture.bitmap.width * picture.bitmap.height;
    for (const [oldest, { bitmap }] of this.#pictures) {
      if (this.#pixels <= MOST_PIXELS || oldest === address) break;
      this.#pictures.delete(oldest);
      this.#pixels -= bitmap.width * bitmap.height; // not closed: it may be the one on the canvas
    }
  }
}
