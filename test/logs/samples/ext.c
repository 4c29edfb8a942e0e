#include <stdlib.h>
__attribute__((noinline)) void spill(char *block, int size) { for (int i = 0; i <= size; i++) block[i] = 1; }
int run(int size) { char *block = malloc(size); spill(block, size); int last = block[0]; free(block); return last; }
