/* A program that embeds Python, held out from version 3 of the rules: `pilot FILE` runs the file with a module `pilot` of its own. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>
#include <string.h>

struct chart { int depth; };
static PyObject *kept;

static __attribute__((noinline)) int sound(const struct chart *chart) { return chart->depth; }
int pilot_depth(const struct chart *chart) { return sound(chart) + 1; }

static PyObject *depth(PyObject *module, PyObject *none) { return PyLong_FromLong(pilot_depth(NULL)); }
static PyObject *keep(PyObject *module, PyObject *callback) { Py_INCREF(callback); kept = callback; Py_RETURN_NONE; }
static PyMethodDef methods[] = {{"depth", depth, METH_NOARGS, NULL}, {"keep", keep, METH_O, NULL}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "pilot", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_pilot(void) { return PyModule_Create(&definition); }

void *pilot_watch(void *what) {
  PyGILState_STATE state = PyGILState_Ensure();
  PyObject *answer = PyObject_CallFunction(kept, "s", (const char *)what);
  Py_XDECREF(answer);
  PyGILState_Release(state);
  return NULL;
}

int main(int count, char **words) {
  PyImport_AppendInittab("pilot", PyInit_pilot);
  Py_Initialize();
  FILE *file = count > 1 ? fopen(words[1], "r") : NULL;
  if (file == NULL) return 2;
  PyObject *name = PyUnicode_FromString(words[1]), *module = PyImport_AddModule("__main__");
  PyObject_SetAttrString(module, "__file__", name);
  if (PyRun_SimpleFileEx(file, words[1], 1) != 0) return 1;
  const char *bug = getenv("BUG");
  if (strcmp(bug, "night_watch") == 0) {
    pthread_t thread;
    PyThreadState *state = PyEval_SaveThread();
    pthread_create(&thread, NULL, pilot_watch, "night");
    pthread_join(thread, NULL);
    PyEval_RestoreThread(state);
  }
  if (strcmp(bug, "ashore") == 0) return pilot_depth(NULL);
  return Py_FinalizeEx();
}
