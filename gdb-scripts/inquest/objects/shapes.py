"""Structs that no generated table has, laid out from the order of their C declarations.

Fields are written ``name:code`` with the codes ``p`` (pointer or Py_ssize_t), ``i`` (int), ``b`` (8 bits), ``q`` (64 bits), each with an
optional count: ``data:b*10``. A declaration begins with ``@object`` or ``@var`` for the header it extends.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

from ..layout.model import Field, Layouts

_DECLARATIONS: Dict[str, str] = {
    # Objects/dictobject.c, odictobject.c, descrobject.c, typeobject.c, genericaliasobject.c, unionobject.c.
    "dictviewobject": "@object dv_dict:p",
    "odictnode": "key:p hash:p next:p prev:p",
    "mappingproxyobject": "@object mapping:p",
    "wrapperobject": "@object descr:p self:p",
    "super": "@object type:p obj:p obj_type:p",
    "gaobject": "@object origin:p args:p parameters:p weakreflist:p starred:b",
    # Objects/typevarobject.c, 3.12 and from 3.13 on.
    "typevarobject": "@object name:p bound:p evaluate_bound:p constraints:p evaluate_constraints:p covariant:b contravariant:b infer_variance:b",
    "typevarobject2": "@object name:p bound:p evaluate_bound:p constraints:p evaluate_constraints:p default_value:p evaluate_default:p "
    "covariant:b contravariant:b infer_variance:b",
    "paramspecobject": "@object name:p bound:p covariant:b contravariant:b infer_variance:b",
    "paramspecobject2": "@object name:p bound:p default_value:p evaluate_default:p covariant:b contravariant:b infer_variance:b",
    "unionobject": "@object args:p",
    # 3.15.
    "typevartupleobject": "@object name:p default_value:p evaluate_default:p bound:p covariant:b contravariant:b infer_variance:b",
    # Include/internal/pycore_context.h.
    "PyContextVar": "@object var_name:p var_default:p",
    "PyContextToken": "@object tok_ctx:p tok_var:p tok_oldval:p tok_used:i",
    # Modules/_operator.c, itertoolsmodule.c.
    "itemgetterobject": "@object nitems:p item:p",
    "attrgetterobject": "@object nattrs:p attr:p",
    "methodcallerobject": "@object name:p args:p kwds:p",
    "countobject": "@object cnt:p long_cnt:p long_step:p",
    "repeatobject": "@object element:p cnt:p",
    # Modules/_sre/sre.h, arraymodule.c, _zoneinfo.c.
    "MatchObject": "@var string:p regs:p pattern:p pos:p endpos:p lastindex:p groups:p start:p end:p",
    "PatternObject": "@var groups:p groupindex:p indexgroup:p pattern:p flags:i",
    "arrayobject": "@var ob_item:p allocated:p ob_descr:p",
    "arraydescr": "typecode:b itemsize:i",
    "PyZoneInfo_ZoneInfo": "@object key:p",
    # Modules/_ctypes/ctypes.h, mmapmodule.c.
    "CDataObject": "@object b_ptr:p b_needsfree:i b_base:p b_size:p",
    "CFieldObject": "@object offset:p size:p index:p proto:p",
    "mmap_object": "@object data:p size:p pos:p",
    # cffi's _cffi_backend.c.
    "CData": "@object c_type:p c_data:p c_weakreflist:p length:p origin:p",
    "CTypeDescrObject": "@var ct_itemdescr:p ct_stuff:p ct_extra:p ct_weakreflist:p ct_unique_key:p ct_size:p ct_length:p ct_flags:i ct_next:i ct_rest:i",
    # Include/datetime.h, for the 2.7 whose table lacks the module.
    "PyDateTime_Date": "@object hashcode:p hastzinfo:b data:b*4",
    "PyDateTime_Time": "@object hashcode:p hastzinfo:b data:b*6 tzinfo:p",
    "PyDateTime_DateTime": "@object hashcode:p hastzinfo:b data:b*10 tzinfo:p",
    "PyDateTime_Delta": "@object hashcode:p days:i seconds:i microseconds:i",
    # numpy/core/include/numpy/ndarraytypes.h: PyArrayObject_fields, PyArray_Descr up to 1.26 and from 2.0 on.
    "PyArrayObject": "@object data:p nd:i dimensions:p strides:p base:p descr:p flags:i",
    "PyArray_Descr": "@object typeobj:p kind:b type:b byteorder:b flags:b type_num:i elsize:i alignment:i subarray:p fields:p names:p "
    "functions:p metadata:p c_metadata:p",
    "PyArray_Descr2": "@object typeobj:p kind:b type:b byteorder:b former_flags:b type_num:i flags:q elsize:p alignment:p metadata:p hash:p "
    "reserved:p*2 subarray:p fields:p names:p c_metadata:p",
    # arrayscalars.h, ndarraytypes.h: a void scalar; a unit of time by itself and behind an array's NpyAuxData.
    "PyVoidScalarObject": "@var obval:p descr:p flags:i base:p",
    "PyArray_DatetimeMetaData": "base:i num:i",
    "PyArray_DatetimeDTypeMetaData": "auxiliary:p*4 base:i num:i",
}


class Shapes:
    """Computed layouts for one pointer size and object header."""

    def __init__(self, layouts: Layouts) -> None:
        self._pointer = layouts.pointer_size
        self._headers = {"@object": layouts.size("PyObject"), "@var": layouts.size("PyVarObject")}
        self._computed: Dict[str, Dict[str, Field]] = {}

    def field(self, struct: str, name: str) -> Optional[Field]:
        """The field, None when it is not declared here."""
        if struct not in self._computed:
            words = _DECLARATIONS.get(struct, "").split()
            start = self._headers[words.pop(0)] if words and words[0] in self._headers else 0
            self._computed[struct] = _lay_out(words, start, self._pointer)
        return self._computed[struct].get(name)


def _lay_out(words: List[str], at: int, pointer: int) -> Dict[str, Field]:
    """C's rule: each field at the next multiple of its own size."""
    sizes = {"p": pointer, "i": 4, "b": 1, "q": 8}
    fields: Dict[str, Field] = {}
    for word in words:
        name, size, count = _parsed(word, sizes)
        at = (at + size - 1) // size * size
        fields[name] = Field(at, size * count)
        at += size * count
    return fields


def _parsed(word: str, sizes: Dict[str, int]) -> Tuple[str, int, int]:
    name, code = word.split(":")
    return name, sizes[code[0]], int(code[2:]) if "*" in code else 1
