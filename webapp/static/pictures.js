// Rendered pictures by address, decoded and kept in memory up to a bound; nothing is written to disk here.

const MOST_PIXELS = 48e6; // four bytes each
const MOST_PREFETCHES = 3;

export class PictureError extends Error {
  constructor(title, message) {
    super(message);
    this.title = title;
  }
}

export class PictureCache {
  #bitmaps = new Map(); // the least recently used first
  #underWay = new Map();
  #waiting = [];
  #pixels = 0;

  peek(address) {
    const bitmap = this.#bitmaps.get(address);
    if (bitmap) {
      this.#bitmaps.delete(address);
      this.#bitmaps.set(address, bitmap);
    }
    return bitmap;
  }

  async get(address) {
    return this.peek(address) ?? this.#fetchOnce(address);
  }

  // Neighbours of what is seen now: older wishes are dropped, as the reader has scrolled on.
  prefetch(address) {
    if (this.#bitmaps.has(address) || this.#underWay.has(address)) return;
    this.#waiting.unshift(address);
    this.#waiting.length = Math.min(this.#waiting.length, 8);
    this.#pump();
  }

  #pump() {
    while (this.#underWay.size < MOST_PREFETCHES && this.#waiting.length > 0) {
      const address = this.#waiting.pop();
      if (!this.#bitmaps.has(address)) this.#fetchOnce(address).catch(() => {});
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
    let response;
    try {
      response = await fetch(address, { headers: { Accept: "image/jpeg, application/json" } });
    } catch {
      throw new PictureError("No connection to the server", "Please try again shortly.");
    }
    if (!response.ok) {
      const { title, message } = await response.json().catch(() => ({}));
      throw new PictureError(title ?? "The picture can't be loaded", message ?? "");
    }
    const bitmap = await createImageBitmap(await response.blob());
    this.#keep(address, bitmap);
    return bitmap;
  }

  #keep(address, bitmap) {
    this.#bitmaps.set(address, bitmap);
    this.#pixels += bitmap.width * bitmap.height;
    for (const [oldest, picture] of this.#bitmaps) {
      if (this.#pixels <= MOST_PIXELS || oldest === address) break;
      this.#bitmaps.delete(oldest);
      this.#pixels -= picture.width * picture.height; // not closed: it may be the one on the canvas
    }
  }
}
