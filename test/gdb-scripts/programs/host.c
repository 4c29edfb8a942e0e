/* A program that embeds Python: its own name, its own module, and C calling Python calling C. Dies in C of a null pointer.
 *   host calls | sub | final        which of the situations below it dies in */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

static volatile int *nowhere;

static PyObject *die(PyObject *self, PyObject *unused) { return PyLong_FromLong(*nowhere); }

static PyObject *call(PyObject *self, PyObject *function) { return PyObject_CallFunction(function, "i", 7); }

static PyMethodDef methods[] = {{"die", die, METH_NOARGS, ""}, {"call", call, METH_O, ""}, {NULL, NULL, 0, NULL}};

#if PY_MAJOR_VERSION >= 3
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "host", "", -1, methods, NULL, NULL, NULL, NULL};
static PyObject *make(void) { return PyModule_Create(&definition); }
#else
static void make(void) { Py_InitModule("host", methods); }
#endif

static const char *calls =
    "import host\n"
    "def inner(number):\n"
    "    host.die()\n"
    "def outer(number):\n"
    "    host.call(inner)\n"
    "host.call(outer)\n";

static const char *below =
    "import host\n"
    "def inside(number):\n"
    "    host.die()\n"
    "host.call(inside)\n";

int main(int argc, char **argv) {
  PyImport_AppendInittab("host", make);
  Py_InitializeEx(0);
  if (argc > 1 && !strcmp(argv[1], "sub")) {
    /* Two interpreters on this thread beside the main one; the second dies. */
    Py_NewInterpreter();
    Py_NewInterpreter();
    PyRun_SimpleString(below);
  } else if (argc > 1 && !strcmp(argv[1], "final")) {
    Py_Finalize();
    return *nowhere;
  }
  return PyRun_SimpleString(calls);
}
