// SPDX-License-Identifier: Apache-2.0
// Spans whose memory is used again. One thread makes them and another one, an exporter's, is the last to need them: an
// allocator then works with two threads on one heap, and spans cost it more than all else of theirs.
#pragma once

#include <cstddef>
#include <memory>

#include "span/span.h"

namespace weft {

class SpanPool {
 public:
  static constexpr std::size_t kMost = 4096;  // as many as wait for an exporter, and more; those beyond are not kept

  SpanPool();
  ~SpanPool();  // spans may outlive it
  SpanPool(const SpanPool&) = delete;
  SpanPool& operator=(const SpanPool&) = delete;

  // An empty one. By one thread at a time; on which thread it is let go does not matter.
  std::shared_ptr<Span> make();
  std::size_t places() const { return places_; }  // that it has memory for

 private:
  struct Place;
  struct Returned;
  template <class T>
  struct InPlace;

  Place* take();

  const std::shared_ptr<Returned> returned_;
  Place* free_ = nullptr;
  std::size_t places_ = 0;
};

}  // namespace weft
