/* A third-party library with several distinct bugs, exported and not. Built once, used by every interpreter. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct record { struct record *next; char name[24]; };

static __attribute__((noinline)) int parse_record(struct record *record) { return record->name[3] + 1; }
static __attribute__((noinline)) int format_record(struct record *record) { return record->name[7] + 2; }

int inventory_load(struct record *record) { return parse_record(record) * 3; }
int inventory_save(struct record *record) { return format_record(record) * 5; }
int inventory_copy(char *to, const char *from) { memcpy(to, from, 100000); return to[0]; }
int inventory_give_up(int code) { if (code < 0) abort(); return code; }
int inventory_check(int code) { assert(code >= 0); return code; }
int inventory_divide(int by) { return 1000 / by; }
int inventory_trap(int code) { if (code < 0) __builtin_trap(); return code; }
int inventory_free_twice(int size) { char *block = malloc(size); free(block); free(block); return 1; }
int inventory_each(int (*visit)(int), int count) { int sum = 0; for (int index = 0; index < count; index += 1) sum += visit(index); return sum; }
