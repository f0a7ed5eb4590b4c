// SPDX-License-Identifier: Apache-2.0
#include "span/span_pool.h"

#include <atomic>
#include <utility>

#include "base/fetch.h"

namespace weft {
namespace {

// What an empty span keeps for the next one; more is rare, and would stay for good.
constexpr std::size_t kKeptAttributes = 8, kKeptName_bytes = 64;

void empty(Span* of) {
  Span& span = *of;
  std::vector<Attribute> items = std::move(span.attributes.items);
  std::string name = std::move(span.name);
  std::destroy_at(&span);
  std::construct_at(&span);
  items.clear();
  name.clear();
  if (items.capacity() <= kKeptAttributes) span.attributes.items = std::move(items);
  if (name.capacity() <= kKeptName_bytes) span.name = std::move(name);
}

}  // namespace

struct SpanPool::Place {
  Span span;
  alignas(std::max_align_t) std::byte counts[48];  // of the shared_ptr
  Place* next = nullptr;
  std::shared_ptr<Returned> home;
};

// Places that were let go, the last one first; closed once the pool is gone.
struct SpanPool::Returned {
  std::atomic<Place*> first = nullptr;

  Place* closed() { return reinterpret_cast<Place*>(this); }  // no place
  Place* take_all(Place* instead) { return first.exchange(instead, std::memory_order_acquire); }
  void give_back(Place* place) {
    Place* before = first.load(std::memory_order_relaxed);
    do {
      if (before == closed()) {
        delete place;  // and this object, with the last one
        return;
      }
      place->next = before;
    } while (!first.compare_exchange_weak(before, place, std::memory_order_release, std::memory_order_relaxed));
  }
};

// Gives a shared_ptr the place's own room for its counts. They are the last that is needed of a span.
template <class T>
struct SpanPool::InPlace {
  using value_type = T;
  Place* place;

  explicit InPlace(Place* of) : place(of) {}
  template <class U>
  InPlace(const InPlace<U>& other) : place(other.place) {}
  T* allocate(std::size_t) {
    static_assert(sizeof(T) <= sizeof place->counts && alignof(T) <= alignof(std::max_align_t));
    return reinterpret_cast<T*>(place->counts);
  }
  void deallocate(T*, std::size_t) { place->home->give_back(place); }
  bool operator==(const InPlace&) const = default;
};

SpanPool::SpanPool() : returned_(std::make_shared<Returned>()) {}

SpanPool::~SpanPool() {
  for (Place* rest : {free_, returned_->take_all(returned_->closed())})
    while (rest != nullptr) delete std::exchange(rest, rest->next);
}

SpanPool::Place* SpanPool::take() {
  if (free_ == nullptr) free_ = returned_->take_all(nullptr);
  if (free_ != nullptr) {
    Place* place = std::exchange(free_, free_->next);
    // Another processor wrote to them last.
    fetch_to_write(place->span.attributes.items.data(), 2 * sizeof(Attribute));
    fetch_to_write(free_, sizeof(Place));
    return place;
  }
  if (places_ == kMost) return nullptr;
  places_++;
  auto* place = new Place;
  place->home = returned_;
  return place;
}

std::shared_ptr<Span> SpanPool::make() {
  Place* place = take();
  if (place == nullptr) return std::make_shared<Span>();
  return std::shared_ptr<Span>(&place->span, empty, InPlace<Span>(place));
}

}  // namespace weft
