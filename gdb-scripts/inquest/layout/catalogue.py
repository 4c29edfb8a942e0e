"""Which structs and constants of CPython the readers use, and under which C names they are found.

One list serves the generator of the tables (``tools/generate_tables.py``) and the DWARF reader inside gdb, so that both
give the same names. The key is the name readers use; the values are the C types tried, first match wins.
"""

from __future__ import annotations

from typing import Dict, FrozenSet, Tuple

STRUCTS: Dict[str, Tuple[str, ...]] = {
    # Interpreter state: Include/internal/pycore_runtime.h, pycore_interp.h, Include/cpython/pystate.h.
    "_Py_DebugOffsets": ("struct _Py_DebugOffsets", "_Py_DebugOffsets"),
    "_PyRuntimeState": ("struct pyruntimestate", "_PyRuntimeState"),
    "PyInterpreterState": ("struct _is", "PyInterpreterState"),
    "PyThreadState": ("struct _ts", "PyThreadState"),
    "_PyThreadStateImpl": ("struct _PyThreadStateImpl", "_PyThreadStateImpl"),
    "_PyErr_StackItem": ("struct _err_stackitem", "_PyErr_StackItem"),
    "_gil_runtime_state": ("struct _gil_runtime_state",),
    "_ceval_runtime_state": ("struct _ceval_runtime_state",),
    "_ceval_state": ("struct _ceval_state",),
    "_gc_runtime_state": ("struct _gc_runtime_state",),
    "gc_generation": ("struct gc_generation",),
    "PyGC_Head": ("PyGC_Head", "union _gc_head"),
    "PyConfig": ("PyConfig", "_PyCoreConfig"),
    "PyMemAllocatorEx": ("PyMemAllocatorEx",),
    "_PyStackChunk": ("struct _stack_chunk", "_PyStackChunk"),
    # Frames and code.
    "PyFrameObject": ("struct _frame", "PyFrameObject"),
    "_PyInterpreterFrame": ("struct _PyInterpreterFrame", "_PyInterpreterFrame"),
    "_PyCFrame": ("struct _PyCFrame", "_PyCFrame", "struct _cframe", "CFrame"),
    "PyTryBlock": ("PyTryBlock",),
    "PyCodeObject": ("PyCodeObject", "struct PyCodeObject"),
    "_PyCodeArray": ("_PyCodeArray",),
    # The object model.
    "PyObject": ("PyObject", "struct _object"),
    "PyVarObject": ("PyVarObject",),
    "PyTypeObject": ("PyTypeObject", "struct _typeobject"),
    "PyHeapTypeObject": ("PyHeapTypeObject", "struct _heaptypeobject"),
    "PyMemberDef": ("PyMemberDef", "struct PyMemberDef"),
    "PyGetSetDef": ("PyGetSetDef",),
    "PyMethodDef": ("PyMethodDef", "struct PyMethodDef"),
    "PyModuleDef": ("PyModuleDef", "struct PyModuleDef"),
    # Strings, bytes, numbers.
    "PyASCIIObject": ("PyASCIIObject",),
    "PyCompactUnicodeObject": ("PyCompactUnicodeObject",),
    "PyUnicodeObject": ("PyUnicodeObject",),
    "PyStringObject": ("PyStringObject",),
    "PyBytesObject": ("PyBytesObject",),
    "PyByteArrayObject": ("PyByteArrayObject",),
    "PyLongObject": ("PyLongObject", "struct _longobject"),
    "PyIntObject": ("PyIntObject",),
    "PyFloatObject": ("PyFloatObject",),
    "PyComplexObject": ("PyComplexObject",),
    # Containers.
    "PyTupleObject": ("PyTupleObject",),
    "PyListObject": ("PyListObject",),
    "PyDictObject": ("PyDictObject", "struct _dictobject"),
    "PyDictKeysObject": ("struct _dictkeysobject", "PyDictKeysObject"),
    "PyDictKeyEntry": ("PyDictKeyEntry",),
    "PyDictUnicodeEntry": ("PyDictUnicodeEntry",),
    "PyDictEntry": ("PyDictEntry",),
    "PyDictValues": ("struct _dictvalues", "PyDictValues"),
    "PySetObject": ("PySetObject", "struct _setobject"),
    "setentry": ("setentry",),
    "dequeobject": ("dequeobject",),
    "block": ("struct BLOCK",),
    "defdictobject": ("defdictobject",),
    "PyODictObject": ("PyODictObject", "struct _odictobject"),
    "PySliceObject": ("PySliceObject",),
    "rangeobject": ("rangeobject",),
    "mappingproxyobject": ("mappingproxyobject",),
    "PyMemoryViewObject": ("PyMemoryViewObject",),
    "_PyManagedBufferObject": ("_PyManagedBufferObject",),
    "Py_buffer": ("Py_buffer", "struct bufferinfo"),
    # Callables and namespaces.
    "PyFunctionObject": ("PyFunctionObject",),
    "PyMethodObject": ("PyMethodObject",),
    "PyCFunctionObject": ("PyCFunctionObject",),
    "PyMethodDescrObject": ("PyMethodDescrObject",),
    "PyDescrObject": ("PyDescrObject",),
    "PyMemberDescrObject": ("PyMemberDescrObject",),
    "PyWrapperDescrObject": ("PyWrapperDescrObject",),
    "propertyobject": ("propertyobject",),
    "classmethod": ("classmethod",),
    "staticmethod": ("staticmethod",),
    "partialobject": ("partialobject",),
    "PyModuleObject": ("PyModuleObject",),
    "PyCellObject": ("PyCellObject",),
    "PyClassObject": ("PyClassObject",),
    "PyInstanceObject": ("PyInstanceObject",),
    "PyWeakReference": ("PyWeakReference", "struct _PyWeakReference"),
    "PyCapsule": ("PyCapsule",),
    # Suspended work.
    "PyGenObject": ("PyGenObject",),
    "PyCoroObject": ("PyCoroObject",),
    "PyAsyncGenObject": ("PyAsyncGenObject",),
    "PyAsyncGenASend": ("PyAsyncGenASend", "struct PyAsyncGenASend"),
    "PyAsyncGenAThrow": ("PyAsyncGenAThrow", "struct PyAsyncGenAThrow"),
    "PyCoroWrapper": ("PyCoroWrapper",),
    "FutureObj": ("FutureObj", "struct FutureObj_"),
    "TaskObj": ("TaskObj", "struct TaskObj_"),
    "futureiterobject": ("futureiterobject",),
    "asyncio_state": ("asyncio_state",),
    "Py_AsyncioModuleDebugOffsets": ("struct _Py_AsyncioModuleDebugOffsets", "Py_AsyncioModuleDebugOffsets"),
    # Exceptions.
    "PyBaseExceptionObject": ("PyBaseExceptionObject",),
    "PyBaseExceptionGroupObject": ("PyBaseExceptionGroupObject",),
    "PySyntaxErrorObject": ("PySyntaxErrorObject",),
    "PyUnicodeErrorObject": ("PyUnicodeErrorObject",),
    "PySystemExitObject": ("PySystemExitObject",),
    "PyOSErrorObject": ("PyOSErrorObject",),
    "PyEnvironmentErrorObject": ("PyEnvironmentErrorObject",),
    "PyStopIterationObject": ("PyStopIterationObject",),
    "PyNameErrorObject": ("PyNameErrorObject",),
    "PyAttributeErrorObject": ("PyAttributeErrorObject",),
    "PyImportErrorObject": ("PyImportErrorObject",),
    "PyTracebackObject": ("PyTracebackObject", "struct _traceback"),
    # Library objects.
    "PyDateTime_Date": ("PyDateTime_Date",),
    "PyDateTime_Time": ("PyDateTime_Time",),
    "PyDateTime_DateTime": ("PyDateTime_DateTime",),
    "PyDateTime_Delta": ("PyDateTime_Delta",),
    "PyDateTime_TZInfo": ("PyDateTime_TZInfo",),
    "PyDateTime_TimeZone": ("PyDateTime_TimeZone",),
    "PyDecObject": ("PyDecObject",),
    "mpd_t": ("mpd_t", "struct mpd_t"),
    # Locks, for who waits for whom.
    "lockobject": ("lockobject",),
    "rlockobject": ("rlockobject",),
    "_PyRecursiveMutex": ("_PyRecursiveMutex",),
    "PyMutex": ("PyMutex", "struct PyMutex"),
    # Diagnosis: allocators, tracemalloc, faulthandler.
    "pymem_allocators": ("struct _pymem_allocators",),
    "debug_alloc_api_t": ("debug_alloc_api_t",),
    "pool_header": ("struct pool_header",),
    "arena_object": ("struct arena_object",),
    "_Py_tracemalloc_config": ("struct _PyTraceMalloc_Config", "struct _Py_tracemalloc_config"),
    "_tracemalloc_runtime_state": ("struct _tracemalloc_runtime_state",),
    "_faulthandler_runtime_state": ("struct _faulthandler_runtime_state",),
    "traceback_t": ("struct tracemalloc_traceback", "traceback_t"),
    "frame_t": ("struct tracemalloc_frame", "frame_t"),
    "trace_t": ("trace_t",),
    "_Py_hashtable_t": ("_Py_hashtable_t", "struct _Py_hashtable_t"),
    "_Py_hashtable_entry_t": ("_Py_hashtable_entry_t",),
    "_Py_slist_t": ("_Py_slist_t",),
}

OPAQUE: FrozenSet[str] = frozenset(
    """static_objects global_objects cached_objects types type_cache obmalloc dtoa _main_interpreter _initial_thread object_state
    object_stubs float_state small_ints func_state code_state freelists strings latin1 unicode tuple list context
    async_gen free_lists interned_strings _singletons global_state static_types parser ast atexit long_state brc qsbr mimalloc
    opt_config rare_events monitors optimizer_thresholds callable_cache xidregistry interp_spans sync_info
    open_code_hook preinitialized crossinterp cjk shared_scratch py_lock_state unicode_ids dict_state dict type
    genericobj warnings common_consts stoptheworld weakref_locks tlbc_indices audit_hooks unique_ids xi lltable _lock debug_offsets
    as_number as_mapping as_sequence as_buffer as_async mem_free_queue interp_mutex mem_state rangeiter""".split()
)
"""Members recorded by offset and size alone: their inside is large and no reader looks there."""

CONSTANTS: Tuple[str, ...] = (
    "FRAME_OWNED_BY_THREAD",
    "FRAME_OWNED_BY_GENERATOR",
    "FRAME_OWNED_BY_FRAME_OBJECT",
    "FRAME_OWNED_BY_INTERPRETER",
    "FRAME_OWNED_BY_CSTACK",
    "FRAME_CREATED",
    "FRAME_SUSPENDED",
    "FRAME_SUSPENDED_YIELD_FROM",
    "FRAME_SUSPENDED_YIELD_FROM_LOCKED",
    "FRAME_EXECUTING",
    "FRAME_RETURNED",
    "FRAME_UNWINDING",
    "FRAME_RAISED",
    "FRAME_COMPLETED",
    "FRAME_CLEARED",
    "STATE_PENDING",
    "STATE_CANCELLED",
    "STATE_FINISHED",
    "DICT_KEYS_GENERAL",
    "DICT_KEYS_UNICODE",
    "DICT_KEYS_SPLIT",
)
"""Enumerators whose values moved between versions."""
