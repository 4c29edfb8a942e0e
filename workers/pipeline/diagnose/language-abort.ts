/** An uncaught C++ exception, or a Rust panic that aborts: by the functions on the stack, told with what was thrown where memory still holds it. */
import { type Static, Type } from "typebox";
import { Value } from "typebox/value";
import { Nullable } from "../../../services/contract/common.ts";
import type { Diagnosis } from "../../../services/contract/report.ts";
import type { NativeFrame } from "../../../services/contract/thread.ts";
import type { Evidence, Finding } from "./evidence.ts";
import { typeName } from "./type-name.ts";

/** `facts.cpp_exception`: names of types are mangled. */
const CppException = Type.Object({
  type: Type.String(),
  bases: Type.Array(Type.String()),
  text: Nullable(Type.String()),
  address: Type.String(),
});

/** `facts.rust_payload`: what a panic's exception carries. */
const RustPayload = Type.Object({ text: Type.String(), address: Type.String() });

const cut = (text: string, limit: number) => (text.length > limit ? `${text.slice(0, limit - 1)}…` : text);

/** std::process::abort alone is no panic, and each thread of Rust and each call from Python stands below `std::panicking::try`. */
const rustPanics =
  /^(rust_panic|__rust_start_panic|core::panicking::|std::panicking::(?!(r#)?try\b|catch_unwind|panicking\b|panic_count)|rust_begin_unwind|__rustc::rust_begin_unwind)/;
const terminates =
  /^(std::terminate|__cxxabiv1::__terminate|__gnu_cxx::__verbose_terminate_handler|std::__terminate|__gxx_personality_v0|__cxa_call_terminate)/;
const pureVirtual = /^__cxa_(pure|deleted)_virtual/;
/** What calls std::terminate for an exception that nobody catches; anything else does so beside one that is being handled. */
const uncaughtBy = /^(__cxa_(re)?throw|__cxa_call_terminate|__clang_call_terminate|__gxx_personality|_Unwind_|std::rethrow_exception)/;
const terminating = /^(std::(__)?terminate|__cxxabiv1::__terminate|__gnu_cxx::__verbose)/;
const runtime =
  /^(__cxa_|_Unwind_|__gxx_personality|std::(__)?(terminate|unexpected|rethrow)|std::__throw_|__gnu_cxx|__cxxabiv1|core::|std::panicking|std::sys|rust_|__rust_)/;

/** `core[c1f1a4ba060b9bfa]::panicking`: which build of a crate, as Rust's newer symbols say. */
const crateHash = /\[[0-9a-f]{8,16}\](?=::)/g;

function thrown({ python }: Evidence): Static<typeof CppException> | null {
  const told = python?.facts["cpp_exception"];
  return Value.Check(CppException, told) ? told : null;
}

export const languageAbort: Finding = (evidence) => {
  const { core, site, threads } = evidence;
  const name = site.signal?.name;
  if (name !== "SIGABRT" && name !== "SIGILL" && name !== "SIGTRAP") return null;
  const all = threads.find((thread) => thread.crashed)?.native_frames ?? [];
  const frames = all.filter((frame): frame is NativeFrame => frame.kind === "native").slice(0, 48);
  const plain = frames.map((frame) => (frame.function ?? "").replace(/\(.*$/, "").replace(crateHash, ""));
  const rust = plain.findLastIndex((each) => rustPanics.test(each));
  const cxx = name === "SIGABRT" ? plain.findIndex((each) => terminates.test(each)) : -1;
  if (rust >= 0) return rustPanic(evidence, frames, rust);
  if (cxx < 0) return withoutNames(evidence, frames);
  const at = cxx;
  const by = plain.slice(at).find((each) => each !== "" && !terminating.test(each)) ?? "";
  const told = thrown(evidence);
  const uncaught = told !== null && uncaughtBy.test(by);
  const thrower = frames.slice(at + 1).find((frame) => frame.function !== null && !runtime.test(frame.function))?.function ?? null;
  const virtual = plain.slice(at + 1, at + 4).some((each) => pureVirtual.test(each));
  const below = thrower === null ? "" : `, below ${thrower}`;
  const type = uncaught ? typeName(told.type) : null;
  const says = told?.text == null ? "" : `: ${cut(told.text, 200)}`;
  return {
    code: "cpp_terminate",
    title: virtual
      ? `A pure virtual function was called${below}`
      : type === null
        ? `std::terminate was called${below}`
        : `Uncaught C++ exception ${type}${says}`,
    detail: virtual
      ? "An object was used while it was being made or destroyed, or after: its class has no such function yet, or no more."
      : type === null
        ? "An exception of C++ was not caught, or was thrown where none may be (a destructor, noexcept, another exception under way); or std::terminate was called with none under way (a std::thread that was neither joined nor detached)."
        : `An exception of type ${type} was under way when std::terminate was called${below}${told?.text == null ? "" : `; it says: ${cut(told.text, 500)}`}. It was not caught, or was thrown where none may be (a destructor, noexcept).`,
    confidence: "certain",
    lwp: core.crashedLwp,
    evidence: {
      frame: frames[at]?.function ?? null,
      caller: thrower,
      exception: told === null || virtual ? null : { type: typeName(told.type), bases: told.bases.map(typeName), text: told.text, address: told.address },
    },
    links: [],
  };
};

/** Of a core without its files: an exception is under way in a thread that sent SIGABRT to itself, and nothing tells who asked for that. */
function withoutNames(evidence: Evidence, frames: readonly NativeFrame[]): ReturnType<Finding> {
  const { core, site, python } = evidence;
  const { signal } = site;
  const own = signal?.name === "SIGABRT" && signal.code === "SI_TKILL" && core.pid !== null && signal.sender_pid === core.pid;
  if (!own || frames.some(({ function: name, trust }) => name !== null && trust !== "scan")) return null;
  const panic = python?.facts["rust_payload"];
  if (Value.Check(RustPayload, panic)) return { ...panicked(core.crashedLwp, null, null, panic.text), confidence: "likely" };
  const told = thrown(evidence);
  if (told === null) return null;
  const type = typeName(told.type);
  return {
    code: "cpp_terminate",
    title: `C++ exception ${type} was under way when the process aborted${told.text === null ? "" : `: ${cut(told.text, 200)}`}`,
    detail: `An exception of type ${type} was being handled in the thread that aborted${told.text === null ? "" : `; it says: ${cut(told.text, 500)}`}. Mostly it was not caught, or was thrown where none may be; which functions were called the core alone does not tell.`,
    confidence: "likely",
    lwp: core.crashedLwp,
    evidence: {
      frame: null,
      caller: null,
      exception: { type, bases: told.bases.map(typeName), text: told.text, address: told.address },
    },
    links: [],
  };
}

function rustPanic({ core, python }: Evidence, frames: readonly NativeFrame[], at: number): ReturnType<Finding> {
  const caller = frames.slice(at + 1).find((frame) => frame.function !== null && !runtime.test(frame.function.replace(crateHash, "")))?.function ?? null;
  const fact = python?.facts["rust_payload"];
  return panicked(core.crashedLwp, frames[at]?.function ?? null, caller, Value.Check(RustPayload, fact) ? fact.text : null);
}

function panicked(lwp: number | null, frame: string | null, caller: string | null, said: string | null): Diagnosis {
  return {
    code: "rust_panic",
    title: `Rust code panicked${caller === null ? "" : ` in ${caller}`}${said === null ? "" : `: ${cut(said, 200)}`}`,
    detail: `A panic reached a place that may not unwind, and aborted. ${said === null ? "Its message is on the standard error." : `It says: ${cut(said, 500)}`}`,
    confidence: "certain",
    lwp,
    evidence: { frame, caller, message: said },
    links: [],
  };
}
