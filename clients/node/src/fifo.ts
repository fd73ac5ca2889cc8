// A queue of amortized constant time: Array's shift moves what is behind.
export class Fifo<T> {
  #items: T[] = [];
  #head = 0;

  get length(): number { return this.#items.length - this.#head; }
  push(item: T): void { this.#items.push(item); }
  // `index` counts from the front.
  at(index: number): T | undefined { return this.#items[this.#head + index]; }

  shift(): T | undefined {
    const item = this.#items[this.#head];
    if (this.length === 0) return undefined;
    this.#items[this.#head++] = undefined as T;
    if (this.#head >= 1024 && this.#head * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  slice(from: number, to?: number): T[] {
    return this.#items.slice(this.#head + from, to === undefined ? undefined : this.#head + to);
  }
}
