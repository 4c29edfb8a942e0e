/** A file is no longer what it was when its sending began. */
export class FileChanged extends Error {
  constructor(path: string) {
    super(`${path} changed while it was sent`);
    this.name = "FileChanged";
  }
}
