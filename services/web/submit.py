#!/usr/bin/env python3
"""Sends core dumps to Inquest from the machine that crashed. Needs Python 3.6 or newer and nothing else.

    curl -s http://HOST/submit.py | python3 - coredump-python3.23861

reads which files the dead process had mapped, asks the service which of them it lacks, sends those, their separate debug
files and the core, waits, and prints the report.

exit codes
    0    the report is printed (with --no-wait: the core is accepted)
    1    wrong usage, or a local file that cannot be read or is no core
    2    the service refused the upload; the message has its code and what to do
    3    the analysis failed
    4    the service cannot be reached, is full, or did not answer in time
    5    a file changed while it was sent
    130  interrupted
"""
import sys

if sys.version_info < (3, 6):
    sys.stderr.write("inquest: this needs Python 3.6 or newer and runs on %d.%d; run it with another one: python3 - CORE\n" % sys.version_info[:2])
    sys.exit(1)

import argparse
import base64
import bisect
import errno
import fcntl
import fnmatch
import hashlib
import http.client
import importlib
import json
import os
import random
import re
import select
import shutil
import socket
import ssl
import stat
import struct
import subprocess
import tempfile
import threading
import time
import traceback
import uuid
import zlib
from contextlib import closing
from urllib.parse import quote, urlencode, urlsplit

SERVER = "http://127.0.0.1:8080"  # the service that this file was fetched from

OK, USAGE, REFUSED, FAILED, UNREACHABLE, CHANGED, INTERRUPTED = 0, 1, 2, 3, 4, 5, 130

CHUNK = 1 << 18
SMALL = 8 << 20  # what is smaller is not worth packing or measuring for
BATCH_FILES, BATCH_BYTES = 100, 256 << 20
FAR_BATCH_BYTES = 8 << 20  # to another machine: what a drop of the link may cost
MOST_NOTE_BYTES = 64 << 20
MOST_MODULES = 20000
PATTERN_FILE = "/proc/sys/kernel/core_pattern"
PREFIX = "/usr/local/lib/inquest"
SPOOL = "/var/spool/inquest"


class Stop(Exception):
    """Ends the run for one core: a message for people and the exit code."""

    def __init__(self, status, message, code=None):
        Exception.__init__(self, message)
        self.status, self.code = status, code


class Changed(Exception):
    """A file is no longer what it was when its sending began."""


# --- ELF: what the core says of itself ---------------------------------------------------------------------------------

PT_LOAD, PT_NOTE = 1, 4
ET_CORE = 4
NT_FILE = 0x46494C45
NT_GNU_BUILD_ID = 3
PN_XNUM = 0xFFFF


class NotElf(Exception):
    pass


class Elf(object):
    """Header and program headers of an ELF file; ``read(offset, size)`` may give less than asked."""

    def __init__(self, read):
        self.read = read
        ident = read(0, 64)
        if ident[:4] != b"\x7fELF" or len(ident) < 52 or ident[4:5] not in (b"\1", b"\2") or ident[5:6] not in (b"\1", b"\2"):
            raise NotElf()
        self.wide = ident[4:5] == b"\2"
        self.order = "<" if ident[5:6] == b"\1" else ">"
        if self.wide:
            (self.type,) = struct.unpack_from(self.order + "H", ident, 16)
            phoff, shoff = struct.unpack_from(self.order + "QQ", ident, 32)
            size, count = struct.unpack_from(self.order + "HH", ident, 54)
        else:
            (self.type,) = struct.unpack_from(self.order + "H", ident, 16)
            phoff, shoff = struct.unpack_from(self.order + "II", ident, 28)
            size, count = struct.unpack_from(self.order + "HH", ident, 42)
        if count == PN_XNUM:  # the true count is in section header 0
            section = read(shoff, 64 if self.wide else 40)
            (count,) = struct.unpack_from(self.order + "I", section, 44 if self.wide else 28) if len(section) >= 40 else (0,)
        self.headers = []
        table = read(phoff, size * count) if size >= (56 if self.wide else 32) and count <= 1 << 22 else b""
        for at in range(0, len(table) - size + 1, size) if size else ():
            if self.wide:
                kind, flags, offset, vaddr, _, filesz, memsz, align = struct.unpack_from(self.order + "IIQQQQQQ", table, at)
            else:
                kind, offset, vaddr, _, filesz, memsz, flags, align = struct.unpack_from(self.order + "IIIIIIII", table, at)
            self.headers.append((kind, offset, vaddr, filesz, memsz, align))

    def notes(self, data, align=4):
        """(name, type, description) of each note."""
        at = 0
        step = 8 if align == 8 else 4
        while at + 12 <= len(data):
            name_size, size, kind = struct.unpack_from(self.order + "III", data, at)
            start = at + 12
            begin = at + (12 + name_size + step - 1) // step * step
            if begin + size > len(data):
                return
            yield data[start:start + name_size].rstrip(b"\0"), kind, data[begin:begin + size]
            at = (begin + size + step - 1) // step * step

    def build_id(self, read=None, bias=0):
        """Of the file itself, or of its image in memory: then ``read`` takes addresses."""
        for kind, offset, vaddr, filesz, _, align in self.headers:
            if kind != PT_NOTE or filesz > 1 << 16:
                continue
            data = self.read(offset, filesz) if read is None else read(vaddr + bias, filesz)
            for name, note, description in self.notes(data, align):
                if name == b"GNU" and note == NT_GNU_BUILD_ID and 2 <= len(description) <= 64:
                    return description.hex()
        return None


def reader_of(handle):
    def read(offset, size):
        try:
            handle.seek(offset)
            return handle.read(size)
        except (OSError, OverflowError, ValueError):
            return b""

    return read


class Core(object):
    """The mapped files of a core: ``modules`` is a list of (path, build-id or None), the executable's first."""

    def __init__(self, read):
        self.elf = Elf(read)
        if self.elf.type != ET_CORE:
            raise NotElf()
        self.segments = sorted((vaddr, filesz, offset) for kind, offset, vaddr, filesz, _, _ in self.elf.headers if kind == PT_LOAD and filesz)
        self.starts = [segment[0] for segment in self.segments]
        self.modules = self.find_modules()

    def memory(self, address, size):
        at = bisect.bisect_right(self.starts, address) - 1
        if at < 0:
            return b""
        start, filesz, offset = self.segments[at]
        return self.elf.read(offset + address - start, max(0, min(size, start + filesz - address)))

    def mapped_files(self):
        """(start, offset in the file, path) of NT_FILE, as fs/binfmt_elf.c of Linux writes it."""
        word = "Q" if self.elf.wide else "I"
        step = struct.calcsize(self.elf.order + word)
        for kind, offset, _, filesz, _, align in self.elf.headers:
            if kind != PT_NOTE:
                continue
            for name, note, data in self.elf.notes(self.elf.read(offset, min(filesz, MOST_NOTE_BYTES)), align):
                if name != b"CORE" or note != NT_FILE or len(data) < 2 * step:
                    continue
                count, page = struct.unpack_from(self.elf.order + 2 * word, data, 0)
                names = 2 * step + count * 3 * step
                if names > len(data):
                    continue
                paths = data[names:].split(b"\0")
                for index in range(min(count, len(paths))):
                    start, _, pages = struct.unpack_from(self.elf.order + 3 * word, data, 2 * step + index * 3 * step)
                    yield start, pages * page, os.fsdecode(paths[index])

    def find_modules(self):
        found = {}
        for start, offset, path in self.mapped_files():
            if offset != 0 or path in found or len(found) >= MOST_MODULES:
                continue
            first_page = self.memory(start, 64)
            if first_page and first_page[:4] != b"\x7fELF":
                continue
            build_id = None
            if first_page:
                try:
                    image = Elf(lambda at, size: self.memory(start + at, size))
                    loads = [vaddr - offset for kind, offset, vaddr, _, _, _ in image.headers if kind == PT_LOAD]
                    bias = start - (loads[0] if loads else 0)
                    build_id = image.build_id(lambda address, size: self.memory(address, size), bias)
                except NotElf:
                    continue
            found[path] = build_id
        return list(found.items())


def open_core(path):
    try:
        handle = open(path, "rb")
        if not os.path.isfile(path):
            raise Stop(USAGE, "%s is not a file" % path)
    except OSError as error:
        raise Stop(USAGE, "%s: %s" % (path, error.strerror))
    return handle


def packed_start(head):
    """gzip, zstd, lz4, xz, and apport's crash reports: what the service takes for a core that is packed."""
    return head.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\xfd7zXZ\0", b"ProblemType:"))


def read_core(path):
    """The core's modules; None when it is compressed, so that only the service can look inside."""
    with open_core(path) as handle:
        head = handle.read(16)
        if not head:
            raise Stop(USAGE, "%s is empty: see `ulimit -c` and the room on the disk" % path)
        if packed_start(head):
            return None
        try:
            return Core(reader_of(handle)).modules
        except (NotElf, struct.error):
            raise Stop(USAGE, "%s is not an ELF core dump" % path)


def build_id_of(path):
    """The build-id that the file itself bears; None for a file without one. Raises NotElf and OSError."""
    with open(path, "rb") as handle:
        return Elf(reader_of(handle)).build_id()


# --- what to send ------------------------------------------------------------------------------------------------------


class LocalFile(object):
    """A file as it was when it was chosen: ``path`` here, ``name`` on the crashed machine."""

    def __init__(self, path, name=None):
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise Stop(USAGE, "%s is not a file" % path)
        self.path, self.name = path, name or path
        self.size, self.stamp = status.st_size, (status.st_ino, status.st_size, status.st_mtime_ns)
        self.sha256 = None

    def chunks(self, start=0, size=None):
        digest = hashlib.sha256()
        left = self.size - start if size is None else size
        with open(self.path, "rb") as handle:
            handle.seek(start)
            while left:
                chunk = handle.read(min(CHUNK, left))
                if not chunk:
                    raise Changed(self.path)
                left -= len(chunk)
                digest.update(chunk)
                yield chunk
            status = os.fstat(handle.fileno())
        if (status.st_ino, status.st_size, status.st_mtime_ns) != self.stamp:
            raise Changed(self.path)
        if start == 0 and size is None:
            self.sha256 = digest.hexdigest()


def below(root, path):
    """The file that ``path`` names on the crashed machine. An open folder as root is another's: no link in it is followed."""
    if isinstance(root, str):
        return path if root == "/" else os.path.join(root, path.lstrip("/"))
    names = [name for name in path.split("/") if name not in ("", ".")]
    if not names or ".." in names:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path)
    folder = os.dup(root)
    try:
        for name in names[:-1]:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        file = os.open(names[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)
    return "/proc/self/fd/%d" % file  # stays open: what was looked at is what is sent


def choose(modules, root, want_debug=True):
    """(files by build-id, debug files by build-id, files without a build-id, notes on what cannot be sent)."""
    by_id, debug, nameless, notes = {}, {}, [], []
    for name, wanted in modules:
        if name.endswith(" (deleted)"):
            name = name[: -len(" (deleted)")]
        try:
            path = below(root, name)
            if not os.path.isfile(path):
                continue
            found = build_id_of(path)
            if wanted is not None and found != wanted:
                notes.append("%s is another build than the one that crashed; it is not sent" % name)
            elif found is None:
                nameless.append(LocalFile(path, name))
            else:
                by_id[found] = LocalFile(path, name)
        except NotElf:
            continue
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                notes.append("%s cannot be read: %s" % (name, error.strerror))
        if wanted is None or not want_debug:
            continue
        separate = "/usr/lib/debug/.build-id/%s/%s.debug" % (wanted[:2], wanted[2:])
        try:
            path = below(root, separate)
            if os.path.isfile(path) and build_id_of(path) == wanted:
                debug[wanted] = LocalFile(path, separate)
        except (OSError, NotElf):
            continue
    return by_id, debug, nameless, notes


# --- HTTP --------------------------------------------------------------------------------------------------------------


class Answer(object):
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body.decode("utf-8"))

    def problem(self):
        try:
            document = self.json()
            return document if isinstance(document, dict) else {}
        except ValueError:
            return {}


class Unreachable(Exception):
    pass


class Service(object):
    """Requests with patience: what a drop of the link, a restart, a full store or 429/503 costs is tried again, with growing pauses."""

    again = (408, 429, 502, 503, 504, 507)

    def __init__(self, url, token, patience, quiet=False):
        parts = urlsplit(url if "//" in url else "http://" + url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Stop(USAGE, "%s is not the address of a service; give http://HOST:PORT" % url)
        self.parts, self.token, self.patience, self.quiet = parts, token, patience, quiet
        self.base = parts.path.rstrip("/")
        self.connection = None

    @property
    def local(self):
        return self.parts.hostname in ("127.0.0.1", "localhost", "::1")

    def connect(self):
        if self.parts.scheme == "https":
            return http.client.HTTPSConnection(self.parts.hostname, self.parts.port, timeout=120, context=ssl.create_default_context())
        return http.client.HTTPConnection(self.parts.hostname, self.parts.port, timeout=120)

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def once(self, method, path, headers, body):
        """``body``: bytes, or (length or None, iterable of bytes)."""
        if self.connection is None:
            self.connection = self.connect()
        connection = self.connection
        headers = dict(headers)
        if self.token:
            headers["Authorization"] = "Bearer " + self.token
        broken = None
        try:
            if isinstance(body, tuple):
                length, chunks = body
                connection.putrequest(method, self.base + path)
                for name, value in headers.items():
                    connection.putheader(name, value)
                if length is None:
                    connection.putheader("Transfer-Encoding", "chunked")
                else:
                    connection.putheader("Content-Length", str(length))
                connection.endheaders()
                try:
                    for chunk in chunks:
                        connection.send(b"%x\r\n%s\r\n" % (len(chunk), chunk) if length is None else chunk)
                    if length is None:
                        connection.send(b"0\r\n\r\n")
                except (BrokenPipeError, ConnectionResetError) as error:
                    broken = error  # a refusal may have come before the body was through
                finally:
                    getattr(chunks, "close", bool)()  # what packs them ends with the request
            else:
                connection.request(method, self.base + path, body=body, headers=headers)
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
            if broken is not None or response.will_close:
                self.close()
            if broken is not None and answer.status < 400:
                raise broken
            return answer
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unreachable(str(broken or error) or error.__class__.__name__)
        except BaseException:
            self.close()
            raise

    def ask(self, method, path, headers=None, body=None, accept=(), patience=None):
        """``body`` may be a function that makes it anew for each try. Raises Stop for what stays refused or unreachable."""
        tries = self.patience if patience is None else patience
        pause = 1.0
        for left in range(tries, -1, -1):
            wait = pause * (0.5 + random.random())
            try:
                answer = self.once(method, path, headers or {}, body() if callable(body) else body)
                if answer.status < 400 or answer.status in accept:
                    return answer
                # The former try is still being put away, or a proxy on the way cut this one short.
                passing = answer.problem().get("code") in ("idempotency_conflict", "upload_truncated", "upload_aborted")
                if answer.status not in self.again and not passing:
                    raise refusal(answer)
                told = answer.headers.get("Retry-After", "")
                wait = max(wait, min(float(told), 60.0)) if told.isdigit() else wait
                why, failure = "%d %s" % (answer.status, answer.problem().get("title", "")), refusal(answer, UNREACHABLE)
            except Unreachable as error:
                why = str(error)
                failure = Stop(UNREACHABLE, "%s cannot be reached: %s" % (self.parts.netloc, why))
            if left == 0:
                raise failure
            if not self.quiet:
                sys.stderr.write("inquest: %s; again in %.0f s\n" % (why.strip(), wait))
            time.sleep(wait)
            pause = min(pause * 2, 30.0)
        raise AssertionError


def refusal(answer, status=REFUSED):
    problem = answer.problem()
    if "code" not in problem:
        return Stop(status, "the service answered %d" % answer.status)
    lines = [line for line in (problem.get("detail"), problem.get("hint")) if line]
    return Stop(status, "%s (%s): %s" % (problem.get("title", "refused"), problem["code"], "\n  ".join(lines)), problem["code"])


class Progress(object):
    """One line that is written over, on a terminal only."""

    def __init__(self, shown):
        self.shown, self.last, self.width = shown, 0.0, 0

    def line(self, text):
        if self.shown:
            sys.stderr.write("\r" + text.ljust(self.width))
            sys.stderr.flush()
            self.width = len(text)

    def done(self):
        if self.shown and self.width:
            sys.stderr.write("\r" + " " * self.width + "\r")
            sys.stderr.flush()
            self.width = 0

    def of(self, what, total, chunks):
        sent, began = 0, time.time()
        with closing(chunks):
            for chunk in chunks:
                yield chunk
                sent += len(chunk)
                now = time.time()
                if self.shown and now - self.last > 0.1:
                    self.last = now
                    part = min(1.0, sent / float(total or 1))
                    bar = ("#" * int(part * 30)).ljust(30, ".")
                    self.line("%-10s [%s] %3d %%  %s  %s/s" % (what, bar, part * 100, size_text(sent), size_text(sent / max(now - began, 0.001))))


def size_text(size):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return "%d B" % size if unit == "B" else "%.1f %s" % (size, unit)
        size /= 1024.0


def text_of(name):
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def quoted(name):
    """As browsers write a file name into a form."""
    return text_of(name).replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


class Part(object):
    """A part of a form: its bytes come from ``chunks()``; ``size`` is None when only sending them tells."""

    def __init__(self, field, size, chunks, filename=None):
        self.field, self.size, self.chunks, self.filename = field, size, chunks, filename


def iter_of(chunks):
    """A generator, as files have: to be closed when a request ends early, so that nothing goes on for it."""
    for chunk in chunks:
        yield chunk


def text_part(field, text):
    data = text.encode("utf-8")
    return Part(field, len(data), lambda: iter_of([data]))


def file_part(field, file):
    return Part(field, file.size, file.chunks, file.name)


def form(parts):
    """(content type, length or None, function that makes the chunks)"""
    boundary = "inquest" + uuid.uuid4().hex
    heads = []
    length = 0
    for part in parts:
        head = '--%s\r\nContent-Disposition: form-data; name="%s"' % (boundary, part.field)
        if part.filename is not None:
            head += '; filename="%s"\r\nContent-Type: application/octet-stream' % quoted(part.filename)
        heads.append((head + "\r\n\r\n").encode("utf-8"))
        length = None if length is None or part.size is None else length + len(heads[-1]) + part.size + 2
    end = ("--%s--\r\n" % boundary).encode("ascii")

    def chunks():
        for head, part in zip(heads, parts):
            yield head
            with closing(part.chunks()) as chunks:
                for chunk in chunks:
                    yield chunk
            yield b"\r\n"
        yield end

    return "multipart/form-data; boundary=" + boundary, None if length is None else length + len(end), chunks


# --- packing on the way ------------------------------------------------------------------------------------------------
#
# A packer makes the same bytes of the same file each time: an upload that was cut goes on in the middle of them.


def through(packer, chunks):
    for chunk in chunks:
        packed = packer.compress(chunk)
        if packed:
            yield packed
    yield packer.flush()


class Gzip(object):
    name = "gzip"

    def pack(self, chunks):
        return through(zlib.compressobj(1, zlib.DEFLATED, 31), chunks)


class ZstdModule(object):
    """Of Python 3.14 and newer."""

    name = "zstd"

    def __init__(self, module):
        self.module = module

    def pack(self, chunks):
        return through(self.module.ZstdCompressor(level=1), chunks)


class ZstdCommand(object):
    name = "zstd"

    def __init__(self, command):
        self.command = command

    def pack(self, chunks):
        running = subprocess.Popen([self.command, "-1", "-q", "-c", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        source, packed = running.stdin, running.stdout
        assert source is not None and packed is not None
        failed = []

        def feed():
            try:
                for chunk in chunks:
                    source.write(chunk)
                source.close()
            except BrokenPipeError:
                pass  # its exit code tells
            except BaseException as error:
                failed.append(error)
                running.kill()

        feeder = threading.Thread(target=feed, daemon=True)
        feeder.start()
        try:
            while True:
                chunk = packed.read(CHUNK)
                if not chunk:
                    break
                yield chunk
            feeder.join()
            if failed:
                raise failed[0]
            if running.wait() != 0:
                raise Stop(USAGE, "%s ended with %d; --pack gzip does without it" % (self.command, running.returncode))
        finally:
            running.kill()
            feeder.join()
            for pipe in (source, packed):
                try:
                    pipe.close()
                except OSError:
                    pass
            running.wait()


def packer_of(name):
    """``auto`` and ``zstd``: zstd where this Python or this machine has it. None for ``never``."""
    if name == "never":
        return None
    if name != "gzip":
        try:
            return ZstdModule(importlib.import_module("compression.zstd"))
        except ImportError:
            command = shutil.which("zstd")
        if command is not None:
            return ZstdCommand(command)
        if name == "zstd":
            raise Stop(USAGE, "there is no zstd command here, and this Python is older than 3.14")
    return Gzip()


def packing_is_quicker(packer, file, bytes_per_second):
    """Packs pieces of the file for a moment and reckons: the link's time alone, or packing and sending side by side."""
    if file.size < SMALL:
        return False
    pieces = []
    with open(file.path, "rb") as handle:
        for piece in range(8):
            handle.seek(file.size * piece // 8)
            pieces.append(handle.read(1 << 19))
    raw = sum(map(len, pieces)) or 1
    began = time.time()
    packed = sum(map(len, packer.pack(pieces)))
    speed = raw / max(time.time() - began, 1e-6)
    plain = file.size / bytes_per_second
    return max(file.size / speed, file.size * packed / float(raw) / bytes_per_second) < plain * 0.9


# --- one core ----------------------------------------------------------------------------------------------------------


def missing_of(service, build_ids, kinds):
    """Those of the build-ids that the service lacks."""
    missing = []
    for at in range(0, len(build_ids), 5000):
        asked = {"build_ids": build_ids[at:at + 5000], "kinds": kinds}
        missing += service.ask("POST", "/v1/binaries/missing", JSON, json.dumps(asked).encode("ascii")).json()["missing"]
    return missing


def missing_nameless(service, files):
    """Those of the files without a build-id that the service lacks: it knows them by path and digest."""
    missing = []
    for at in range(0, len(files), 1000):
        part = {}
        for file in files[at:at + 1000]:
            for _ in file.chunks():
                pass
            part[text_of(file.name), file.sha256] = file
        asked = {"build_ids": [], "files": [{"path": path, "sha256": sha256} for path, sha256 in part]}
        told = service.ask("POST", "/v1/binaries/missing", JSON, json.dumps(asked).encode("ascii")).json()["missing_files"]
        missing += [part[each["path"], each["sha256"]] for each in told]
    return missing


TUS = {"Tus-Resumable": "1.0.0"}
JSON = {"Content-Type": "application/json", "Accept": "application/json"}
RAN = ["executable", "shared_library"]


def batches(files, most_bytes):
    batch, size = [], 0
    for file in files:
        if batch and (len(batch) >= BATCH_FILES or size + file.size > most_bytes):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    if batch:
        yield batch


class Counted(object):
    """A stream that knows its length and digest once it was read."""

    def __init__(self, chunks):
        self.chunks, self.size, self.digest = chunks, 0, hashlib.sha256()

    def after(self, offset):
        with closing(self.chunks):
            for chunk in self.chunks:
                start = self.size
                self.size += len(chunk)
                self.digest.update(chunk)
                if self.size > offset:
                    yield chunk[max(0, offset - start):]


def piece_of(chunks, offset, size):
    """So many bytes of a stream from an offset on."""
    at = 0
    with closing(chunks):
        for chunk in chunks:
            part = chunk[max(0, offset - at):offset + size - at]
            at += len(chunk)
            if part:
                yield part
            if at >= offset + size:
                return


class Outgoing(object):
    """What a resumable upload sends: ``make()`` gives the same bytes each time; ``length`` is None when only sending them tells."""

    def __init__(self, core, told, length, make):
        self.core, self.told, self.length, self.make = core, told, length, make


class Submission(object):
    def __init__(self, service, options):
        self.service, self.options = service, options
        self.progress = Progress(sys.stderr.isatty() and not options.quiet)
        self.rate = 1e12 if service.local else None  # bytes a second, once something was sent

    def say(self, text):
        if not self.options.quiet:
            self.progress.done()
            sys.stderr.write(text + "\n")

    def send(self, what, path, parts, headers=None):
        """A form, made anew for each try; a file that changed is looked at again, twice."""
        for left in (2, 1, 0):
            began = time.time()
            try:
                content_type, length, chunks = form(parts())
                total = length or sum(os.path.getsize(file) for file in self.sending)
                self.service.close()
                answer = self.service.ask(
                    "POST", path, dict(headers or {}, **{"Content-Type": content_type, "Accept": "application/json"}),
                    lambda: (length, self.progress.of(what, total, chunks())))
                if length is not None and length > 1 << 20:
                    self.rate = length / max(time.time() - began, 0.001)
                return answer.json()
            except Changed as error:
                if left == 0:
                    raise Stop(CHANGED, "%s changes while it is sent" % error)
                self.say("%s changed while it was sent; again" % error)
                time.sleep(1)
            except OSError as error:
                raise Stop(USAGE, "%s: %s" % (error.filename or what, error.strerror))
            finally:
                self.progress.done()
        raise AssertionError

    sending = ()

    def send_binaries(self, files):
        total = sum(file.size for file in files)
        if files:
            self.say("sending %d %s, %s" % (len(files), "file" if len(files) == 1 else "files", size_text(total)))
        for batch in batches(files, BATCH_BYTES if self.service.local else FAR_BATCH_BYTES):
            self.sending = [file.path for file in batch]
            self.send("binaries", "/v1/binaries", lambda: [file_part("binary", LocalFile(file.path, file.name)) for file in batch])

    def core_parts(self, core, packer):
        state = {}

        def body():
            # Made anew for each try: what a try that was cut has sent must not count.
            digest = state["digest"] = hashlib.sha256()
            with closing(core.chunks() if packer is None else packer.pack(core.chunks())) as chunks:
                for chunk in chunks:
                    digest.update(chunk)
                    yield chunk

        return [
            Part("core", core.size if packer is None else None, body, self.name_of(core)),
            Part("sha256", 64, lambda: iter_of([state["digest"].hexdigest().encode("ascii")])),
        ]

    def parts_of(self, core, packer):
        """Of the whole form; without a core, that of logs alone."""
        parts = [] if core is None else self.core_parts(core, packer)
        parts += [file_part("attachment", LocalFile(path, os.path.basename(path))) for path in self.options.attach]
        return parts + [text_part(name, value) for name, value in self.fields().items()]

    def fields(self):
        told = {}
        if self.options.labels:
            told["labels"] = json.dumps(self.options.labels)
        if self.options.options:
            told["options"] = self.options.options
        if self.options.priority:
            told["priority"] = self.options.priority
        if self.parked:
            told["when_missing"] = "wait"
        return told

    def name_of(self, core):
        return os.path.basename(self.options.name or core.path)

    def send_core(self, path):
        core = LocalFile(path)
        with open(path, "rb") as handle:
            is_packed = packed_start(handle.read(16))
        packer = None if is_packed else packer_of(self.options.pack)
        self.sending = [path]
        upload = None
        if packer is not None and self.options.pack == "auto":
            if self.rate is None and core.size >= SMALL:
                upload = self.measure(core)
            if not packing_is_quicker(packer, core, self.rate or 12.5e6):
                packer = None
        self.say("sending the core, %s%s" % (size_text(core.size), "" if packer is None else ", packed by %s" % packer.name))
        if upload is not None or core.size >= self.resume_from():
            return self.send_resumable(path, is_packed, packer, upload)
        sent = []

        def parts():
            sent[:] = [LocalFile(path)]
            return self.parts_of(sent[0], packer)

        job = self.send("core", "/v1/jobs", parts, {"Idempotency-Key": uuid.uuid4().hex})
        return self.verified(sent[0], is_packed, job)

    def resume_from(self):
        return self.options.resume_from or (sys.maxsize if self.service.local else SMALL)

    def send_logs(self):
        """A job of logs alone."""
        self.sending = self.options.attach
        try:
            size = sum(LocalFile(path).size for path in self.sending)
        except OSError as error:
            raise Stop(USAGE, "%s: %s" % (error.filename, error.strerror))
        self.say("sending %d %s, %s" % (len(self.sending), "log" if len(self.sending) == 1 else "logs", size_text(size)))
        if size < self.resume_from():
            return self.send("logs", "/v1/jobs", lambda: self.parts_of(None, None), {"Idempotency-Key": uuid.uuid4().hex})
        try:
            return self.send_rest(*self.begin(self.outgoing(None, None)))
        except Changed as error:
            raise Stop(CHANGED, "%s changed while it was sent" % error)
        finally:
            self.progress.done()

    def verified(self, core, is_packed, job):
        """The service knows the digest of the core itself. (Nothing was read when it knew the key already.)"""
        arrived = job["core"]["sha256"]  # not told to a token that may only submit
        if None not in (arrived, core.sha256) and not is_packed and arrived != core.sha256:
            raise Stop(CHANGED, "%s arrived as other bytes than were sent (job %s)" % (core.path, job["id"]))
        return job

    # By the tus protocol: after a drop the service tells how far it came, and the rest is sent.

    def outgoing(self, core, packer):
        """The core alone, or the form with its logs."""
        if core is None or self.options.attach:
            content_type, length, chunks = form(self.parts_of(core, packer))
            total = length or sum(os.path.getsize(path) for path in self.sending)
            return Outgoing(core, {"filetype": content_type}, length, lambda: self.progress.of("sending", total, chunks()))

        def make():
            raw = self.progress.of("core", core.size, core.chunks())
            return raw if packer is None else packer.pack(raw)

        return Outgoing(core, dict(self.fields(), filename=self.name_of(core)), core.size if packer is None else None, make)

    def begin(self, outgoing):
        metadata = ",".join("%s %s" % (name, base64.b64encode(os.fsencode(value)).decode("ascii")) for name, value in outgoing.told.items())
        size = {"Upload-Defer-Length": "1"} if outgoing.length is None else {"Upload-Length": str(outgoing.length)}
        made = self.service.ask("POST", "/v1/uploads", dict(TUS, **dict(size, **{"Upload-Metadata": metadata, "Content-Length": "0"})))
        place = urlsplit(made.headers["Location"]).path
        if self.service.base and place.startswith(self.service.base):
            place = place[len(self.service.base):]
        return place, outgoing

    def patch(self, place, offset, length, chunks, more=None):
        headers = dict(TUS, **{"Upload-Offset": str(offset), "Content-Type": "application/offset+octet-stream"})
        return self.service.ask("PATCH", place, dict(headers, **(more or {})), lambda: (length, chunks), patience=0)

    def give_up(self, place):
        try:
            self.service.ask("DELETE", place, TUS, accept=(404, 410, 423), patience=0)
        except Stop:
            pass  # it expires

    def measure(self, core):
        """Sends the beginning for a moment, to learn how fast the link is; the upload that this began."""
        place, outgoing = self.begin(self.outgoing(core, None))
        offset = 0
        try:
            for size in (1 << 18, 1 << 20, 4 << 20, 16 << 20):
                size = min(size, outgoing.length - offset - 1)  # the last byte would make a job of it
                began = time.time()
                self.patch(place, offset, size, piece_of(outgoing.make(), offset, size))
                took = max(time.time() - began, 1e-6)
                offset, self.rate = offset + size, size / took
                if took > 0.3:
                    break
        except Changed:
            self.give_up(place)
            return None
        except Stop as stop:
            if stop.status != UNREACHABLE:
                raise
        finally:
            self.progress.done()
        return place, outgoing

    def send_resumable(self, path, is_packed, packer, upload):
        for left in (2, 1, 0):
            if packer is not None and upload is not None:
                self.give_up(upload[0])  # what was measured with
                upload = None
            if upload is None:
                upload = self.begin(self.outgoing(LocalFile(path), packer))
            core = upload[1].core
            try:
                job = self.send_rest(*upload)
                if core.sha256 is None:  # the last answer was missed
                    for _ in core.chunks():
                        pass
                return self.verified(core, is_packed, job)
            except Changed as error:
                self.give_up(upload[0])
                upload = None
                if left == 0:
                    raise Stop(CHANGED, "%s changes while it is sent" % error)
                self.say("%s changed while it was sent; again" % error)
                time.sleep(1)
            finally:
                self.progress.done()
        raise AssertionError

    def send_rest(self, place, outgoing):
        """The files are read from their start each time, to know their digest; what the service has is left out."""
        left, came = self.options.retries, 0
        while True:
            try:
                answer = self.service.ask("HEAD", place, TUS)
                offset = int(answer.headers["Upload-Offset"])
                if offset > came:
                    left, came = self.options.retries, offset
                if not answer.headers.get("Inquest-Job-Id"):
                    self.service.close()
                    all_of_it = Counted(outgoing.make())
                    rest = None if outgoing.length is None else outgoing.length - offset
                    answer = self.patch(place, offset, rest, all_of_it.after(offset))
                    if outgoing.length is None:
                        more = {"Upload-Length": str(all_of_it.size)}
                        if "filetype" not in outgoing.told:  # a form holds the digest itself
                            more["Repr-Digest"] = "sha-256=:%s:" % base64.b64encode(all_of_it.digest.digest()).decode("ascii")
                        answer = self.patch(place, all_of_it.size, 0, (), more)
                job = answer.headers["Inquest-Job-Id"]
                told = self.service.ask("GET", "/v1/jobs/" + job, accept=(403,))
                return {"id": job, "status": "queued", "core": {"sha256": None}} if told.status == 403 else told.json()
            except Stop as stop:
                passing = stop.status == UNREACHABLE or stop.code in ("upload_offset_conflict", "upload_locked")
                if not passing or left == 0:
                    raise
                left -= 1
                self.say("%s; the rest again" % stop)
                time.sleep(1 + random.random())

    def run(self, path, modules="read"):
        """Exit code 0, or Stop."""
        modules = read_core(path) if modules == "read" else modules
        if modules and not self.options.no_binaries:
            by_id, debug, nameless, notes = choose(modules, self.options.root, not self.options.no_debug)
            for note in notes:
                self.say(note)
            wanted = missing_of(self.service, list(by_id), RAN) if by_id else []
            explained = missing_of(self.service, list(debug), ["debug"]) if debug else []
            unknown = missing_nameless(self.service, nameless)
            known = len(by_id) - len(wanted) + len(nameless) - len(unknown)
            self.say("%d files were mapped, %d of them are known there" % (len(by_id) + len(nameless), known))
            self.send_binaries([by_id[each] for each in wanted] + [debug[each] for each in explained] + unknown)
        self.parked = modules is None and not self.options.no_binaries
        job = self.send_core(path)
        if self.parked:
            self.send_missing(job)
        return self.finish(job)

    parked = False

    def send_missing(self, job):
        """Only the service can look inside a packed core: the job is parked until what it misses was sent, as far as it is here."""
        if job["status"] != "awaiting_binaries":
            return
        wanted = [(each["path"], each["build_id"]) for each in job["missing_binaries"]]
        by_id, debug, nameless, notes = choose(wanted, self.options.root, not self.options.no_debug)
        for note in notes:
            self.say(note)
        self.send_binaries(list(by_id.values()) + list(debug.values()) + nameless)
        self.service.ask("POST", "/v1/jobs/%s/reanalyze" % job["id"], {"Content-Length": "0"}, accept=(409,))

    def finish(self, job):
        page = "%s/v1/jobs/%s" % (self.service.parts.geturl().rstrip("/"), job["id"])
        if self.options.no_wait:
            print(json.dumps({"job": job}) if self.options.json else page, flush=True)
            return OK
        self.say("job %s" % job["id"])
        deadline = time.time() + self.options.max_wait
        while job["status"] not in ("succeeded", "failed", "cancelled"):
            if time.time() > deadline:
                raise Stop(UNREACHABLE, "the job is still %s after %d s; it goes on: %s" % (job["status"], self.options.max_wait, page))
            answer = self.service.ask("GET", "/v1/jobs/%s?wait=%d" % (job["id"], 5 if self.progress.shown else 30), accept=(403,))
            if answer.status == 403:
                self.say("the token may submit but not read; the job goes on: %s" % page)
                print(json.dumps({"job": job}) if self.options.json else page)
                return OK
            job = answer.json()
            self.progress.line("%s: %s, %d %%" % (job["status"], job["progress"]["stage"], job["progress"]["percent"]))
        self.progress.done()
        if job["status"] != "succeeded":
            if self.options.json:
                print(json.dumps({"job": job, "report": None}))
            error = job["error"] or {"code": job["status"], "detail": "", "hint": ""}
            raise Stop(FAILED, "the job %s: %s: %s %s" % (job["status"], error["code"], error["detail"], error["hint"]))
        if self.options.json:
            report = self.service.ask("GET", "/v1/jobs/%s/report" % job["id"], {"Accept": "application/json"}).json()
            print(json.dumps({"job": job, "report": report}))
        else:
            text = self.service.ask("GET", "/v1/jobs/%s/report" % job["id"], {"Accept": "text/plain"}).body
            sys.stdout.flush()
            getattr(sys.stdout, "buffer", sys.stdout).write(text)
            sys.stdout.flush()
        return OK


def submit_all(submission, paths):
    """The worst exit code of all; one core that fails does not keep the others back."""
    worst = OK
    for path in paths:
        try:
            submission.run(path)
        except Stop as stop:
            submission.progress.done()
            sys.stderr.write("inquest: %s\n" % stop)
            worst = max(worst, stop.status)
    return worst


# --- cores that others wrote: a folder, systemd ------------------------------------------------------------------------


def is_core(path):
    try:
        with open(path, "rb") as handle:
            return Elf(reader_of(handle)).type == ET_CORE
    except (OSError, NotElf, struct.error):
        return False


def watch(submission, folder, patterns, once, state_path, delete):
    """Sends each core that appears in the folder, once it has stopped growing; what was sent is remembered across runs."""
    if not os.path.isdir(folder):
        raise Stop(USAGE, "%s is not a folder" % folder)
    state_path = state_path or os.path.join(folder, ".inquest-sent.json")
    try:
        with open(state_path) as handle:
            sent = set(json.load(handle))
    except (OSError, ValueError):
        sent = set()
    seen, worst, later = {}, OK, {}
    while True:
        waiting = False
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if not any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
                continue
            try:
                status = os.lstat(path)
            except OSError:
                continue
            if not os.path.isfile(path) or os.path.islink(path) or not is_core(path):
                continue
            stamp = "%d:%d:%d:%d" % (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            if stamp in sent or later.get(stamp, 0) > time.time():
                continue
            if seen.get(path) != stamp:  # it may still be growing
                seen[path] = stamp
                waiting = True
                continue
            status = submit_all(submission, [path])
            worst = max(worst, status)
            if status in (UNREACHABLE, CHANGED):
                later[stamp] = time.time() + 60
                continue
            sent.add(stamp)
            remember(state_path, sorted(sent))
            if delete and status == OK:
                os.unlink(path)
        if once and not waiting:
            return worst
        time.sleep(1 if waiting else 2)


def remember(path, document, mode=0o600):
    temporary = "%s.%d" % (path, os.getpid())
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as handle:
        json.dump(document, handle)
    os.rename(temporary, path)


def from_coredumpctl(submission, match):
    """The newest core that systemd keeps and ``match`` (a PID, a name, a path) finds."""
    folder = tempfile.mkdtemp(prefix="inquest-")
    try:
        path = os.path.join(folder, "core." + (re.sub(r"[^\w.+-]", "_", match).strip("_") or "systemd"))
        words = ["coredumpctl", "--no-pager", "-q", "-o", path, "dump"] + ([match] if match else [])
        try:
            made = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        except OSError as error:
            raise Stop(USAGE, "coredumpctl cannot be run: %s" % error.strerror)
        told = made.communicate()[1].decode("utf-8", "replace").strip()
        if made.returncode != 0 or not os.path.exists(path):
            raise Stop(USAGE, "coredumpctl found nothing: %s" % told)
        return submission.run(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# --- the kernel's handler ----------------------------------------------------------------------------------------------
#
# The kernel starts the installed copy for each crash, as root, and writes the core into its standard input; the crashed
# process stays until all is read or the pipe is closed. So the copy only spools, within its limits, and a child of its own
# sends. A core of the handler itself is not piped to it again: the kernel marks pipe handlers with RLIMIT_CORE 1.

DEFAULTS = {"max_core": 8 << 30, "max_spool": 16 << 30, "keep_free": 1 << 30, "max_seconds": 300}


def own_source(service):
    name = globals().get("__file__")
    if name and os.path.isfile(name):
        with open(name, "rb") as handle:
            return handle.read()
    return service.ask("GET", "/submit.py").body


def handler_line(prefix):
    line = "|%s --handle %%P %%e %%s %%t" % os.path.join(prefix, "submit.py")
    if " " in prefix or len(line) > 127:
        raise Stop(USAGE, "%s cannot stand in core_pattern: it takes no spaces and 127 bytes" % prefix)
    return line


def read_line(path):
    try:
        with open(path) as handle:
            return handle.read().rstrip("\n")
    except OSError as error:
        raise Stop(USAGE, "%s: %s" % (path, error.strerror))


def write_line(path, line):
    try:
        with open(path, "w") as handle:
            handle.write(line + "\n")
    except OSError as error:
        raise Stop(USAGE, "%s: %s; this needs root" % (path, error.strerror))


def read_settings(prefix):
    try:
        with open(os.path.join(prefix, "handler.json")) as handle:
            settings = json.load(handle)
    except (OSError, ValueError):
        return None
    for name, value in DEFAULTS.items():
        settings.setdefault(name, value)
    return settings


def install_handler(service, options):
    prefix, line = os.path.abspath(options.prefix), handler_line(os.path.abspath(options.prefix))
    python = os.path.realpath(sys.executable)
    if " " in python or len(python) > 110:
        raise Stop(USAGE, "%s cannot stand in a first line; run this with another Python" % python)
    current, earlier = read_line(options.core_pattern_file), read_settings(prefix)
    former = earlier["former"] if earlier is not None and current == line else current
    settings = {
        "former": former, "url": options.url, "token": options.token, "labels": options.labels, "priority": options.priority, "spool": os.path.abspath(options.spool),
        "core_pattern_file": options.core_pattern_file, "max_core": options.max_core, "max_spool": options.max_spool,
        "keep_free": options.keep_free, "max_seconds": options.max_seconds,
    }
    source = own_source(service)
    try:
        os.makedirs(prefix, 0o755, exist_ok=True)
        os.makedirs(settings["spool"], 0o700, exist_ok=True)
        os.chmod(settings["spool"], 0o700)
        script = os.path.join(prefix, "submit.py")
        with os.fdopen(os.open(script + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o755), "wb") as handle:
            handle.write(b"#!" + os.fsencode(python) + b" -IS\n" + source)
        os.chmod(script + ".new", 0o755)
        os.rename(script + ".new", script)
        remember(os.path.join(prefix, "handler.json"), settings)
    except OSError as error:
        raise Stop(USAGE, "%s: %s; this needs root" % (error.filename, error.strerror))
    try:
        write_line(options.core_pattern_file, line)
    except Stop:
        if earlier is None:
            remove_handler(prefix)
        raise
    print("%s: %s" % (options.core_pattern_file, line))
    print("it was: %s" % former)
    print("It holds until the next boot; `kernel.core_pattern=%s` in /etc/sysctl.d keeps it. --uninstall puts back what was there." % line)
    return OK


def remove_handler(prefix):
    for name in ("submit.py", "handler.json"):
        try:
            os.unlink(os.path.join(prefix, name))
        except OSError:
            pass
    try:
        os.rmdir(prefix)
    except OSError:
        pass


def uninstall(options):
    prefix = os.path.abspath(options.prefix)
    settings = read_settings(prefix)
    if settings is None:
        raise Stop(USAGE, "no handler is installed in %s" % prefix)
    current = read_line(options.core_pattern_file)
    if current == handler_line(prefix):
        write_line(options.core_pattern_file, settings["former"])
        print("%s: %s" % (options.core_pattern_file, settings["former"]))
    else:
        print("%s was changed since; it stays: %s" % (options.core_pattern_file, current))
    remove_handler(prefix)
    try:
        for name in (LOCK, LOG):
            if os.listdir(settings["spool"]) and not spooled(settings["spool"]) and os.path.exists(os.path.join(settings["spool"], name)):
                os.unlink(os.path.join(settings["spool"], name))
        os.rmdir(settings["spool"])
    except OSError as error:
        if error.errno == errno.ENOTEMPTY:
            print("cores that were not sent are kept in %s" % settings["spool"])
    return OK


LOCK, LOG = "lock", "handler.log"


def note(spool, text):
    """What the handler did, one line a crash; never what a core holds."""
    path = os.path.join(spool, LOG)
    try:
        if os.path.exists(path) and os.path.getsize(path) > 1 << 20:
            os.rename(path, path + ".old")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as handle:
            handle.write("%s %s\n" % (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), text))
    except OSError:
        pass


def spooled(spool):
    return sorted(name for name in os.listdir(spool) if name.startswith("coredump-"))


def room(settings):
    """Bytes that one more core may take. Cores that were refused make way, oldest first."""
    spool = settings["spool"]
    sizes = {name: os.lstat(os.path.join(spool, name)).st_blocks * 512 for name in spooled(spool)}
    used = sum(sizes.values())
    refused = sorted((name for name in sizes if name.endswith(".refused")), key=lambda name: os.lstat(os.path.join(spool, name)).st_mtime)
    while refused and used + settings["max_core"] > settings["max_spool"]:
        used -= sizes[refused[0]]
        os.unlink(os.path.join(spool, refused.pop(0)))
    disk = os.statvfs(spool)
    return min(settings["max_core"], settings["max_spool"] - used, disk.f_bavail * disk.f_frsize - settings["keep_free"])


def spool_core(source, handle, limit, seconds):
    """Copies until the end, the limit or the deadline; pages of zeros become holes. (bytes taken, whether that is all)"""
    deadline = time.time() + seconds
    data_bytes = size = 0
    whole = False
    zeros = bytes(CHUNK)
    while True:
        left = deadline - time.time()
        if left <= 0 or not select.select([source], [], [], left)[0]:
            break
        chunk = os.read(source, CHUNK)
        if not chunk:
            whole = True
            break
        if chunk == zeros[:len(chunk)]:
            handle.seek(len(chunk), os.SEEK_CUR)
        elif data_bytes + len(chunk) > limit:
            break
        else:
            handle.write(chunk)
            data_bytes += len(chunk)
        size += len(chunk)
    handle.truncate(size)
    return size, whole


def handle(words):
    """`--handle %P %e %s %t`: what the process called itself may hold anything, spaces and dashes included."""
    os.umask(0o077)
    for descriptor in (1, 2):  # the kernel opens neither
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout, sys.stderr = sys.stdout or open(os.devnull, "w"), sys.stderr or open(os.devnull, "w")
    settings = read_settings(os.path.dirname(os.path.abspath(__file__)))
    if settings is None or len(words) < 4:
        return USAGE
    spool = settings["spool"]
    pid, number, when = words[0], words[-2], words[-1]
    executable = re.sub(r"[^A-Za-z0-9_.+-]", "_", " ".join(words[1:-2]))[:40] or "unknown"
    if not (pid.isdigit() and when.isdigit()):
        return USAGE
    path = os.path.join(spool, "coredump-%s.%s" % (executable, pid))
    what = "%s, pid %s, signal %s" % (executable, pid, number)
    try:
        root = os.open("/proc/%s/root" % pid, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        root = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    try:
        limit = room(settings)
        if limit < 1 << 20:
            note(spool, "%s: no room for its core" % what)
            return OK
        try:
            fcntl.fcntl(0, 1031, 1 << 20)  # F_SETPIPE_SZ
        except (OSError, AttributeError):
            pass
        core = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb")
        fcntl.flock(core, fcntl.LOCK_EX)  # held until this core is dealt with
        size, whole = spool_core(0, core, limit, settings["max_seconds"])
        core.flush()
    except OSError as error:
        note(spool, "%s: %s" % (what, error.strerror))
        try:
            os.unlink(path)
        except OSError:
            pass
        return OK
    note(spool, "%s: %d bytes%s" % (what, size, "" if whole else ", cut off by a limit"))
    if os.fork():
        os._exit(OK)  # the kernel and the crashed process are free
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    try:
        labels = dict({"host": socket.gethostname()}, **settings["labels"])
        send_spooled(settings, path, root, labels if whole else dict(labels, truncated="true"), what)
        for name in spooled(spool):  # what an earlier handler could not get rid of
            other = os.path.join(spool, name)
            if name.endswith(".refused") or other == path:
                continue
            with open(other, "rb") as left:
                try:
                    fcntl.flock(left, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    continue
                if not send_spooled(settings, other, os.open("/", os.O_RDONLY | os.O_DIRECTORY), settings["labels"], name):
                    break
    except Exception as error:
        at = [line for _, line in traceback.walk_tb(error.__traceback__)][-1]
        note(spool, "%s: %s in line %d" % (what, error.__class__.__name__, at))
    os._exit(OK)


def send_spooled(settings, path, root, labels, what):
    """One at a time. The file goes when the service has the core, stays for the next handler when it cannot be reached."""
    spool = settings["spool"]
    with open(os.path.join(spool, LOCK), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        options = parser().parse_args([])
        options.labels, options.root, options.quiet, options.no_wait, options.json = labels, root, True, True, False
        options.priority = settings.get("priority")
        try:
            service = Service(settings["url"], settings["token"], 6, True)
            Submission(service, options).run(path)
        except Stop as stop:
            note(spool, "%s: %s" % (what, str(stop).split("\n")[0]))
            if stop.status in (REFUSED, USAGE):
                os.rename(path, path + ".refused")
            return stop.status != UNREACHABLE
        os.unlink(path)
        note(spool, "%s: sent" % what)
        return True


# --- the command -------------------------------------------------------------------------------------------------------


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(USAGE, "inquest: %s\n" % message)


def size_option(text):
    match = re.match(r"^(\d+)\s*([KMGT]?)(i?)B?$", text, re.I)
    if match is None:
        raise argparse.ArgumentTypeError("%r is no size such as 500M or 8GiB" % text)
    return int(match.group(1)) * 1024 ** " KMGT".index(match.group(2).upper() or " ")


def label_option(text):
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise argparse.ArgumentTypeError("%r is not NAME=VALUE" % text)
    return name, value


def parser():
    codes = (__doc__ or "").partition("exit codes")
    made = Parser(
        prog="submit.py", description=codes[0].split("\n")[0], epilog=codes[1] + codes[2], formatter_class=argparse.RawDescriptionHelpFormatter)
    add = made.add_argument
    add("cores", nargs="*", metavar="CORE", help="core dumps, one job each")
    add("--url", default=os.environ.get("INQUEST_URL") or SERVER, help="the service (INQUEST_URL; else where this file came from)")
    add("--token", default=os.environ.get("INQUEST_TOKEN") or None, help="better given as INQUEST_TOKEN: arguments are seen by others")
    add("--label", action="append", type=label_option, default=[], metavar="NAME=VALUE", help="for example host=web1; repeatable")
    add("--options", metavar="NAMES", help="what the analysis does beyond the usual: heap_check, census; with commas between")
    add("--priority", choices=("high", "normal", "low"), help="what is analysed first (normal)")
    add("--attach", action="append", default=[], metavar="FILE", help="a text log, such as the standard error; repeatable; alone, without a core, it is a job too")
    add("--name", help="the core's file name, where it tells more than the one it has now")
    add("--root", default="/", help="where the crashed machine's files are found")
    add("--no-binaries", action="store_true", help="send the core alone")
    add("--no-debug", action="store_true", help="leave separate debug files out")
    add("--pack", choices=("auto", "zstd", "gzip", "never"), default="auto", help="the core on its way (auto: by the better one, when that is quicker)")
    add("--resume-from", type=size_option, metavar="SIZE", help="cores of this size and more are sent so that a drop costs only the rest (8M; on this machine: none)")
    add("--no-wait", action="store_true", help="print the job's address and go")
    add("--max-wait", type=int, default=900, metavar="SECONDS", help="for the analysis")
    add("--json", action="store_true", help="print {job, report}, one line a core")
    add("--retries", type=int, default=6, help="of each request, while the service cannot be reached")
    add("--quiet", action="store_true", help="nothing on standard error but errors")
    add("--watch", metavar="DIR", help="send the cores that appear in a folder (core_pattern DIR/coredump-%%e.%%p)")
    add("--pattern", action="append", metavar="GLOB", help="which files --watch looks at (coredump-*, core, core.*, *.core)")
    add("--once", action="store_true", help="with --watch: what is there now, then end")
    add("--state", metavar="FILE", help="where --watch remembers what was sent (DIR/.inquest-sent.json)")
    add("--delete", action="store_true", help="with --watch: remove what was sent")
    add("--coredumpctl", nargs="?", const="", metavar="MATCH", help="take the newest core that systemd keeps")
    add("--install-handler", action="store_true", help="have the kernel pipe every core to a copy of this file")
    add("--uninstall", action="store_true", help="put back what was in core_pattern before")
    add("--prefix", default=PREFIX, help="where the handler is installed")
    add("--spool", default=SPOOL, help="where the handler keeps cores until they are sent")
    add("--core-pattern-file", default=PATTERN_FILE, help=argparse.SUPPRESS)
    for name, what in (("max-core", "the largest core taken"), ("max-spool", "all cores in the spool"), ("keep-free", "room left on its disk")):
        add("--" + name, type=size_option, default=DEFAULTS[name.replace("-", "_")], metavar="SIZE", help="handler: " + what)
    add("--max-seconds", type=int, default=DEFAULTS["max_seconds"], help="handler: how long a crashed process may be held")
    return made


def run(words):
    if words[:1] == ["--handle"]:
        return handle(words[1:])
    options = parser().parse_args(words)
    options.labels = dict(options.label)
    if options.uninstall:
        return uninstall(options)
    service = Service(options.url, options.token, options.retries, options.quiet)
    if options.install_handler:
        return install_handler(service, options)
    submission = Submission(service, options)
    if options.coredumpctl is not None:
        return from_coredumpctl(submission, options.coredumpctl)
    if options.watch is not None:
        return watch(submission, options.watch, options.pattern or ["coredump-*", "core", "core.*", "*.core"], options.once, options.state, options.delete)
    if not options.cores and options.attach:
        return submission.finish(submission.send_logs())
    if not options.cores:
        parser().error("give a core, a log to --attach, --watch DIR, --coredumpctl, --install-handler or --uninstall")
    return submit_all(submission, options.cores)


def main():
    try:
        status = run(sys.argv[1:])
    except Stop as stop:
        sys.stderr.write("inquest: %s\n" % stop)
        status = stop.status
    except KeyboardInterrupt:
        status = INTERRUPTED
    except BrokenPipeError:  # whoever read the report has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        status = OK
    sys.exit(status)


if __name__ == "__main__":
    main()
