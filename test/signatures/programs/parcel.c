/* The library of the programs that the rules were not made with. */
#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct parcel { int weight; struct parcel *inside; };

static __attribute__((noinline)) int heaviest(const struct parcel *parcel) { return parcel->inside->weight; }
static __attribute__((noinline)) int lightest(const struct parcel *parcel) { return parcel->inside->weight - 1; }

int parcel_weigh(const struct parcel *parcel) { return heaviest(parcel) + 1; }
int parcel_price(const struct parcel *parcel) { return parcel_weigh(parcel) * 3; }
int parcel_sort(int *weights, int count, int (*compare)(const void *, const void *)) { qsort(weights, count, sizeof *weights, compare); return weights[0]; }
int parcel_wrap(char *label) { return (int)strlen(label); }
int parcel_seal(int tape) { assert(tape > 0 && "no tape"); return tape; }
int parcel_drop(void) { char *box = malloc(40); free(box + 8); return box[0]; }
int parcel_unwrap(const struct parcel *parcel) { return lightest(parcel) + 1; }
static void *deliver(void *parcel) { return (void *)(long)heaviest(parcel); }
int parcel_send(struct parcel *parcel) { pthread_t courier; pthread_create(&courier, 0, deliver, parcel); return pthread_join(courier, 0); }
