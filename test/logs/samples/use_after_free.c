#include <stdlib.h>
#include <stdio.h>
__attribute__((noinline)) int use(int *p){ return p[0]; }
int main(int c, char**v){ int *p=malloc(16); free(p); return use(p); }
