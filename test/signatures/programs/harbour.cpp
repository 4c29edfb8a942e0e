// The library of the programs that were held out from version 3 of the rules.
#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace harbour {
struct Ship { long tons; Ship *tow; };

class Berth {
public:
  virtual ~Berth() = default;
  virtual long depth() const = 0;
  __attribute__((noinline)) long ask() const { return depth(); }
};

class Dock {
public:
  __attribute__((noinline)) long moor(const std::vector<Ship> &ships) const { return ships.at(0).tow->tons; }
  __attribute__((noinline)) long number(const std::vector<Ship> &ships, std::size_t at) const { return ships.at(at).tons; }
};

class Breakwater {
public:
  Breakwater() { ask(); }
  virtual ~Breakwater() = default;
  virtual long height() const = 0;
  __attribute__((noinline)) long ask() const { return height(); }
};
class Mole : public Breakwater {
public:
  long height() const override { return 3; }
};

template <typename Cargo> __attribute__((noinline)) Cargo stow(const Cargo *hold, int at) { return hold[at]; }
template int stow<int>(const int *, int);
template double stow<double>(const double *, int);

__attribute__((noinline)) void refuse(const std::string &why) { throw std::runtime_error(why); }
__attribute__((noinline)) long buoys(const Ship *ship, int depth) {
  volatile char water[512];
  std::memset(const_cast<char *>(water), depth, sizeof water);
  return buoys(ship, depth + 1) + water[depth & 511];
}
} // namespace harbour

static __attribute__((noinline)) long drag(const harbour::Ship *ship) { return ship->tow->tons; }

extern "C" {
long harbour_moor() { return harbour::Dock().moor({{1, nullptr}}); }
long harbour_berth(int at) { return harbour::Dock().number({{1, nullptr}}, at); }
void harbour_refuse(const char *why) { harbour::refuse(why); }
long harbour_pier() { return std::unique_ptr<harbour::Berth>(reinterpret_cast<harbour::Berth *>(std::calloc(1, 64)))->ask(); }
long harbour_build() { return harbour::Mole().ask(); }
int harbour_stow_number() { return harbour::stow(static_cast<const int *>(nullptr), 1); }
double harbour_stow_measure() { return harbour::stow(static_cast<const double *>(nullptr), 1); }
long harbour_watch() {
  long seen = 0;
  std::thread([&seen] { seen = drag(reinterpret_cast<const harbour::Ship *>(8)); }).join();
  return seen;
}
long harbour_buoys() { harbour::Ship ship{1, nullptr}; return harbour::buoys(&ship, 0); }
int harbour_share(int cargo, int docks) { return cargo / docks; }
int harbour_call(int (*whistle)(int)) { return whistle(3) + 1; }
int harbour_rank(int *tons, int count, int (*heavier)(int, int)) {
  std::sort(tons, tons + count, [heavier](int one, int other) { return heavier(one, other) > 0; });
  return tons[0];
}
std::size_t harbour_name(const char *name) { return std::strlen(name) + 1; }
int harbour_cut(int rope) { auto *knot = new int[4]{rope, 0, 0, 0}; delete[] knot; delete[] knot; return rope; }
}
