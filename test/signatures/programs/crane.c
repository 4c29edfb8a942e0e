/* An extension module of the programs that were held out from version 3 of the rules; for every CPython from 3.8 on. */
#define Py_LIMITED_API 0x03080000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>
#include <string.h>

struct chain { long links; struct chain *next; };
typedef struct { PyObject_HEAD struct chain *chain; char *plate; } Crane;

static __attribute__((noinline)) long links(const struct chain *chain) { return chain->next->links; }

static PyObject *crane_lift(Crane *self, PyObject *none) { return PyLong_FromLong(links(self->chain) + 1); }

static PyObject *crane_swing(PyObject *module, PyObject *callback) {
  PyObject *answer = PyObject_CallFunction(callback, "i", 3);
  if (answer == NULL) return NULL;
  Py_DECREF(answer);
  Py_RETURN_NONE;
}

static PyObject *crane_release(PyObject *module, PyObject *callback) {
  PyThreadState *state = PyEval_SaveThread();
  PyObject *answer = PyObject_CallFunction(callback, "i", 3);
  PyEval_RestoreThread(state);
  return answer;
}

static __attribute__((noinline)) void paint(char *plate, const char *name, volatile int length) { for (int at = 0; at < length; at++) plate[at] = name[at]; }

static PyObject *crane_paint(PyObject *module, PyObject *name) {
  char plate[16];
  paint(plate, PyBytes_AsString(name), (int)PyBytes_Size(name));
  return PyBytes_FromStringAndSize(plate, 16);
}

static PyObject *crane_weld(PyObject *module, PyObject *none) { Py_FatalError("the crane is not to be welded"); return none; }

static PyObject *crane_loosen(PyObject *module, PyObject *held) {
  memset((char *)held + sizeof(Py_ssize_t), 0xa5, sizeof(void *));
  Py_RETURN_NONE;
}

static PyObject *crane_load(Crane *self, void *closure) { return PyLong_FromLong(self->chain->links); }

static PyObject *crane_borrow(PyObject *module, PyObject *list) {
  PyObject *first = PyList_GetItem(list, 7);
  return PyObject_Repr(PyTuple_GetItem(first, 0));
}

static void crane_dealloc(Crane *self) {
  PyTypeObject *type = Py_TYPE(self);
  free(self->plate);
  free(self->plate);
  ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

static PyObject *crane_new(PyTypeObject *type, PyObject *values, PyObject *named) {
  Crane *self = (Crane *)PyType_GenericAlloc(type, 0);
  if (self != NULL) { self->plate = malloc(2048); self->chain = NULL; }
  return (PyObject *)self;
}

static PyMethodDef methods[] = {
    {"swing", crane_swing, METH_O, NULL},   {"release", crane_release, METH_O, NULL}, {"paint", crane_paint, METH_O, NULL},
    {"weld", crane_weld, METH_NOARGS, NULL}, {"loosen", crane_loosen, METH_O, NULL}, {"borrow", crane_borrow, METH_O, NULL},
    {NULL, NULL, 0, NULL}};
static PyMethodDef crane_methods[] = {{"lift", (PyCFunction)crane_lift, METH_NOARGS, NULL}, {NULL, NULL, 0, NULL}};
static PyGetSetDef crane_fields[] = {{"load", (getter)crane_load, NULL, NULL, NULL}, {NULL, NULL, NULL, NULL, NULL}};
static PyType_Slot slots[] = {
    {Py_tp_new, crane_new}, {Py_tp_dealloc, crane_dealloc}, {Py_tp_methods, crane_methods}, {Py_tp_getset, crane_fields}, {0, NULL}};
static PyType_Spec spec = {"crane.Crane", sizeof(Crane), 0, Py_TPFLAGS_DEFAULT, slots};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "crane", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit_crane(void) {
  PyObject *module = PyModule_Create(&definition);
  if (module != NULL) PyModule_AddObject(module, "Crane", PyType_FromSpec(&spec));
  return module;
}
