"""Struct layouts computed from the order of their C declarations.

Used where the interpreter's layout has no entry: structs of extension modules, and builds that no table was made of
(free-threaded, 32 bit). Fields are written ``name:code`` with the codes ``p`` (pointer or Py_ssize_t), ``i`` (int),
``h`` (16 bits), ``b`` (8 bits), ``q`` (64 bits), ``d`` (double), each with an optional count: ``data:b*10``. A declaration begins with
``@object``, ``@var`` or another struct's name for what it extends.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from ..layout.model import Field, Layouts

_Declarations = Dict[str, str]

_COMMON: _Declarations = {
    "PyFloatObject": "@object ob_fval:d",
    "PyComplexObject": "@object cval.real:d cval.imag:d",
    "PyListObject": "@var ob_item:p allocated:p",
    "PyBytesObject": "@var ob_shash:p ob_sval:b",
    "PySetObject": "@object fill:p used:p mask:p table:p hash:p finger:p smalltable:p*16 weakreflist:p",
    "setentry": "key:p hash:p",
    "PyDictKeyEntry": "me_hash:p me_key:p me_value:p",
    "PyDictUnicodeEntry": "me_key:p me_value:p",
    "PyCellObject": "@object ob_ref:p",
    "PySliceObject": "@object start:p stop:p step:p",
    "rangeobject": "@object start:p stop:p step:p length:p",
    "mappingproxyobject": "@object mapping:p",
    "dictviewobject": "@object dv_dict:p",
    "PyMethodObject": "@object im_func:p im_self:p",
    "PyCFunctionObject": "@object m_ml:p m_self:p m_module:p",
    "PyMethodDef": "ml_name:p ml_meth:p ml_flags:i ml_doc:p",
    "PyMemberDef": "name:p type:i offset:p flags:i doc:p",
    "PyGetSetDef": "name:p get:p set:p doc:p closure:p",
    "PyDescrObject": "@object d_type:p d_name:p d_qualname:p",
    "PyMemberDescrObject": "PyDescrObject d_member:p",
    "wrapperobject": "@object descr:p self:p",
    "wrapperbase": "name:p offset:i function:p wrapper:p doc:p flags:i name_strobj:p",
    "PyWrapperDescrObject": "PyDescrObject d_base:p d_wrapped:p",
    "propertyobject": "@object prop_get:p prop_set:p prop_del:p",
    "staticmethod": "@object sm_callable:p",
    "classmethod": "@object cm_callable:p",
    "partialobject": "@object fn:p args:p kw:p",
    "PyModuleObject": "@object md_dict:p md_def:p",
    "PyWeakReference": "@object wr_object:p wr_callback:p",
    "PyCapsule": "@object pointer:p name:p",
    "dequeobject": "@var leftblock:p rightblock:p leftindex:p rightindex:p state:p maxlen:p",
    "block": "leftlink:p data:p*64 rightlink:p",
    "defdictobject": "PyDictObject default_factory:p",
    "PyODictObject": "PyDictObject od_first:p od_last:p",
    "odictnode": "key:p hash:p next:p prev:p",
    "_PyNamespaceObject": "@object ns_dict:p",
    "PyDateTime_Date": "@object hashcode:p hastzinfo:b data:b*4",
    "PyDateTime_Time": "@object hashcode:p hastzinfo:b data:b*6 fold:b tzinfo:p",
    "PyDateTime_DateTime": "@object hashcode:p hastzinfo:b data:b*10 fold:b tzinfo:p",
    "PyDateTime_Delta": "@object hashcode:p days:i seconds:i microseconds:i",
    "PyDateTime_TimeZone": "@object offset:p name:p",
    "PyDecObject": "@object hash:p dec.flags:b dec.exp:p dec.digits:p dec.len:p dec.alloc:p dec.data:p",
    "PyBaseExceptionObject": "@object dict:p args:p notes:p traceback:p context:p cause:p",
    "gaobject": "@object origin:p args:p parameters:p",
    "unionobject": "@object args:p",
    "PatternObject": "@var groups:p groupindex:p indexgroup:p pattern:p flags:i",
    "arrayobject": "@var ob_item:p allocated:p ob_descr:p",
    "arraydescr": "typecode:b itemsize:i",
    "PyZoneInfo_ZoneInfo": "@object key:p",
    "super": "@object type:p obj:p obj_type:p",
    "lockobject": "@object lock_lock:p in_weakreflist:p locked:b",
    "rlockobject": "@object rlock_lock:p rlock_owner:p rlock_count:p",
    # numpy/core/include/numpy/ndarraytypes.h: PyArrayObject_fields, PyArray_Descr up to 1.26 and from 2.0 on.
    "PyArrayObject": "@object data:p nd:i dimensions:p strides:p base:p descr:p flags:i",
    "PyArray_Descr": "@object typeobj:p kind:b type:b byteorder:b flags:b type_num:i elsize:i alignment:i subarray:p fields:p names:p",
    "PyArray_Descr2": "@object typeobj:p kind:b type:b byteorder:b former_flags:b type_num:i flags:q elsize:p alignment:p metadata:p hash:p reserved:p*2 "
    "subarray:p fields:p names:p",
    "PyDatetimeScalar": "@object obval:q base:i num:i",
}

_PYTHON_2: _Declarations = {
    "PyIntObject": "@object ob_ival:p",
    "PyStringObject": "@var ob_shash:p ob_sstate:i ob_sval:b",
    "PyUnicodeObject": "@object length:p str:p hash:p defenc:p",
    "PyDictObject": "@object ma_fill:p ma_used:p ma_mask:p ma_table:p ma_lookup:p ma_smalltable:p*24",
    "PySetObject": "@object fill:p used:p mask:p table:p lookup:p smalltable:p*16 hash:p weakreflist:p",
    "setentry": "hash:p key:p",
    "PyLongObject": "@var ob_digit:i",
    "PyTupleObject": "@var ob_item:p",
    "rangeobject": "@object start:p step:p len:p",
    "PyByteArrayObject": "@var ob_exports:i ob_alloc:p ob_bytes:p",
    "PyDescrObject": "@object d_type:p d_name:p",
    "PyMethodObject": "@object im_func:p im_self:p im_class:p",
    "PyFunctionObject": "@object func_code:p func_globals:p func_defaults:p func_closure:p func_doc:p func_name:p",
    "PyGenObject": "@object gi_frame:p gi_running:i gi_code:p gi_weakreflist:p",
    "PyBaseExceptionObject": "@object dict:p args:p message:p",
    "PyClassObject": "@object cl_bases:p cl_dict:p cl_name:p",
    "PyInstanceObject": "@object in_class:p in_dict:p in_weakreflist:p",
    "PyDateTime_Time": "@object hashcode:p hastzinfo:b data:b*6 tzinfo:p",
    "PyDateTime_DateTime": "@object hashcode:p hastzinfo:b data:b*10 tzinfo:p",
    "dequeobject": "@object leftblock:p rightblock:p leftindex:p rightindex:p len:p state:p maxlen:p",
    "block": "data:p*62 rightlink:p leftlink:p",
}

_PYTHON_3: _Declarations = {
    "PyCompactUnicodeObject": "PyASCIIObject utf8_length:p utf8:p",
    "PyUnicodeObject": "PyCompactUnicodeObject data.any:p",
    "PyByteArrayObject": "@var ob_alloc:p ob_bytes:p ob_start:p ob_exports:p",
}


def _of_version(version: Tuple[int, int], free_threaded: bool) -> _Declarations:
    found = dict(_COMMON)
    if version[0] == 2:
        found.update(_PYTHON_2)
        return found
    found.update(_PYTHON_3)
    if version >= (3, 12):
        found["PyASCIIObject"] = "@object length:p hash:p state:i"
        found["PyLongObject"] = "@object long_value.lv_tag:p long_value.ob_digit:i"
    else:
        found["PyASCIIObject"] = "@object length:p hash:p state:i wstr:p"
        found["PyCompactUnicodeObject"] = "PyASCIIObject utf8_length:p utf8:p wstr_length:p"
        found["PyLongObject"] = "@var ob_digit:i"
        found["PyBaseExceptionObject"] = (
            "@object dict:p args:p notes:p traceback:p context:p cause:p"
            if version >= (3, 11)
            else "@object dict:p args:p traceback:p context:p cause:p"
        )
    found["PyTupleObject"] = "@var ob_hash:p ob_item:p" if version >= (3, 14) else "@var ob_item:p"
    found["PyDictObject"] = "@object ma_used:p ma_version_tag:q ma_keys:p ma_values:p"
    if version >= (3, 11):
        mutex = " dk_mutex:b" if free_threaded and version >= (3, 13) else ""
        found["PyDictKeysObject"] = (
            "dk_refcnt:p dk_log2_size:b dk_log2_index_bytes:b dk_kind:b%s dk_version:i dk_usable:p dk_nentries:p dk_indices:b*0" % mutex
        )
    else:
        found["PyDictKeysObject"] = "dk_refcnt:p dk_size:p dk_lookup:p dk_usable:p dk_nentries:p dk_indices:p*0"
    if version >= (3, 13):
        found["PyDictValues"] = "capacity:b size:b embedded:b valid:b values:p"
    elif version >= (3, 11):
        found["PyDictValues"] = "values:p"
    found["PyFunctionObject"] = (
        "@object func_globals:p func_builtins:p func_name:p func_qualname:p func_code:p func_defaults:p"
        if version >= (3, 10)
        else "@object func_code:p func_globals:p func_defaults:p func_kwdefaults:p func_closure:p func_doc:p func_name:p func_dict:p "
        "func_weakreflist:p func_module:p func_annotations:p func_qualname:p"
    )
    if version < (3, 11):
        running = " gi_running:b" if version < (3, 10) else ""
        found["PyGenObject"] = "@object gi_frame:p%s gi_code:p gi_weakreflist:p gi_name:p gi_qualname:p" % running
    elif version < (3, 12):
        found["PyGenObject"] = "@object gi_code:p gi_weakreflist:p gi_name:p gi_qualname:p"
    else:
        found["PyGenObject"] = "@object gi_weakreflist:p gi_name:p gi_qualname:p"
    return found


def _heap_type(version: Tuple[int, int]) -> str:
    """``PyTypeObject`` with the members of ``PyHeapTypeObject`` behind it (Include/cpython/object.h)."""
    slots = "tp_name tp_basicsize tp_itemsize tp_dealloc tp_vectorcall_offset tp_getattr tp_setattr tp_as_async tp_repr tp_as_number tp_as_sequence "
    slots += "tp_as_mapping tp_hash tp_call tp_str tp_getattro tp_setattro tp_as_buffer tp_flags tp_doc tp_traverse tp_clear tp_richcompare "
    slots += "tp_weaklistoffset tp_iter tp_iternext tp_methods tp_members tp_getset tp_base tp_dict tp_descr_get tp_descr_set tp_dictoffset tp_init "
    slots += "tp_alloc tp_new tp_free tp_is_gc tp_bases tp_mro tp_cache tp_subclasses tp_weaklist tp_del"
    return "@var " + " ".join(name + ":p" for name in slots.split()) + " tp_version_tag:i"


def _heap_tail(version: Tuple[int, int]) -> str:
    if version[0] == 2:
        return "PyTypeObject as_number:p*39 as_mapping:p*3 as_sequence:p*10 as_buffer:p*6 ht_name:p ht_slots:p"
    methods = "as_async:p*%d as_number:p*36 as_mapping:p*3 as_sequence:p*10 as_buffer:p*2" % (4 if version >= (3, 10) else 3)
    return "PyTypeObject %s ht_name:p ht_slots:p ht_qualname:p ht_cached_keys:p" % methods


class Shapes:
    """Computed layouts for one version, pointer size and object header."""

    def __init__(self, layouts: Layouts) -> None:
        self._layouts = layouts
        self._pointer = layouts.pointer_size
        version = (layouts.version[0], layouts.version[1])
        self._declarations = _of_version(version, layouts.free_threaded)
        tail = " tp_finalize:p tp_vectorcall:p tp_watched:b" if version >= (3, 12) else " tp_finalize:p" if version >= (3, 4) else ""
        tail = " tp_finalize:p tp_vectorcall:p" if (3, 8) <= version < (3, 12) else tail
        tail += " tp_print:p" if version == (3, 8) else " tp_versions_used:h" if version >= (3, 13) else ""
        self._declarations["PyTypeObject"] = _heap_type(version) + tail
        self._declarations["PyHeapTypeObject"] = _heap_tail(version)
        self._computed: Dict[str, Tuple[int, Dict[str, Field]]] = {}

    def field(self, struct: str, name: str) -> Optional[Field]:
        if struct in ("PyObject", "PyVarObject"):
            return self._header(name)
        found = self._layout(struct)
        return found[1].get(name) if found is not None else None

    def size(self, struct: str) -> Optional[int]:
        found = self._layout(struct)
        return found[0] if found is not None else None

    def _header(self, name: str) -> Optional[Field]:
        step = self._pointer
        base = 2 * step if self._layouts.free_threaded else 0
        places = {"ob_refcnt": base, "ob_type": base + step, "ob_size": self._object_size()}
        return Field(places[name], step) if name in places else None

    def _object_size(self) -> int:
        if self._layouts.has("PyObject"):
            return self._layouts.size("PyObject")
        return (4 if self._layouts.free_threaded else 2) * self._pointer

    def _start(self, what: str) -> Optional[int]:
        if what == "@object":
            return self._object_size()
        if what == "@var":
            return self._object_size() + self._pointer
        if self._layouts.has(what):
            return self._layouts.size(what)
        return self.size(what)

    def _layout(self, struct: str) -> Optional[Tuple[int, Dict[str, Field]]]:
        if struct not in self._computed:
            declaration = self._declarations.get(struct)
            if declaration is None:
                return None
            words = declaration.split()
            at = 0
            if ":" not in words[0]:
                start = self._start(words.pop(0))
                if start is None:
                    return None
                at = start
            self._computed[struct] = _lay_out(words, at, self._pointer)
        return self._computed[struct]


def _lay_out(words: List[str], at: int, pointer: int) -> Tuple[int, Dict[str, Field]]:
    """C's rule: each field at the next multiple of its own alignment, the whole padded to the largest."""
    sizes = {"p": pointer, "i": 4, "h": 2, "b": 1, "q": 8, "d": 8}
    largest = pointer if at else 1
    fields: Dict[str, Field] = {}
    for word in words:
        name, code = word.split(":")
        count = int(code[2:]) if "*" in code else 1
        size = sizes[code[0]]
        largest = max(largest, size)
        at = (at + size - 1) // size * size
        fields[name] = Field(at, size * count)
        at += size * count
    return (at + largest - 1) // largest * largest, fields
