// SPDX-License-Identifier: Apache-2.0
#include "support/kafka/produce.h"

#include <algorithm>
#include <stdexcept>

namespace weft::test::kafka {
namespace {

class Writer {
 public:
  Bytes out;
  template <class T>
  void number(T value) {
    for (int shift = int(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8)
      out += static_cast<char>(static_cast<std::uint64_t>(value) >> shift);
  }
  void varint(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
    out += static_cast<char>(value);
  }
  void zigzag(std::int64_t value) {
    varint((static_cast<std::uint64_t>(value) << 1) ^ static_cast<std::uint64_t>(value >> 63));
  }
  void bytes(const std::optional<Bytes>& value) {
    zigzag(value ? static_cast<std::int64_t>(value->size()) : -1);
    if (value) out += *value;
  }
};

struct Form {
  bool compact, ids;
  explicit Form(int version) : compact(version >= 9), ids(version >= 13) {}
};

Bytes record_bytes(const Record& record) {
  Writer body;
  body.number(record.attributes);
  body.zigzag(record.time_delta);
  body.zigzag(record.offset_delta);
  body.bytes(record.key);
  body.bytes(record.value);
  body.zigzag(static_cast<std::int64_t>(record.headers.size()));
  body.out += encode_headers(record.headers);
  Writer whole;
  whole.zigzag(static_cast<std::int64_t>(body.out.size()));
  return whole.out + body.out;
}

Bytes batch_bytes(const Batch& batch) {
  Writer summed;
  summed.number(batch.attributes);
  summed.number(batch.last_offset_delta);
  summed.number(batch.base_time);
  summed.number(batch.max_time);
  summed.number(batch.producer_id);
  summed.number(batch.producer_epoch);
  summed.number(batch.base_sequence);
  summed.number(batch.count);
  for (const Record& record : batch.records) summed.out += record_bytes(record);
  summed.out += batch.opaque;
  Writer whole;
  whole.number(batch.base_offset);
  whole.number(static_cast<std::int32_t>(summed.out.size() + 9));
  whole.number(batch.leader_epoch);
  whole.number(batch.magic);
  whole.number(crc32c(summed.out));
  return whole.out + summed.out;
}

class Reader {
 public:
  explicit Reader(const Bytes& bytes) : bytes_(bytes) {}
  std::size_t left() const { return bytes_.size() - at_; }
  Bytes take(std::int64_t n) {
    if (n < 0 || static_cast<std::size_t>(n) > left()) throw std::runtime_error("too short");
    at_ += static_cast<std::size_t>(n);
    return bytes_.substr(at_ - static_cast<std::size_t>(n), static_cast<std::size_t>(n));
  }
  template <class T>
  T number() {
    std::uint64_t value = 0;
    for (const char c : take(sizeof(T))) value = value << 8 | static_cast<std::uint8_t>(c);
    return static_cast<T>(value);
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      const auto byte = number<std::uint8_t>();
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    throw std::runtime_error("endless varint");
  }
  std::int64_t zigzag() {
    const std::uint64_t value = varint();
    return static_cast<std::int64_t>(value >> 1) ^ -static_cast<std::int64_t>(value & 1);
  }
  std::optional<Bytes> bytes() {
    const std::int64_t n = zigzag();
    if (n < -1) throw std::runtime_error("negative length");
    return n < 0 ? std::nullopt : std::optional(take(n));
  }
  void no_tags(const Form& form) {
    if (form.compact && number<std::uint8_t>()) throw std::runtime_error("tags");
  }
  std::int64_t length(const Form& form, bool wide) {
    if (form.compact) return static_cast<std::int64_t>(varint()) - 1;
    return wide ? number<std::int32_t>() : number<std::int16_t>();
  }

 private:
  const Bytes& bytes_;
  std::size_t at_ = 0;
};

Record read_record(const Bytes& bytes) {
  Reader in(bytes);
  Record record;
  record.attributes = in.number<std::int8_t>();
  record.time_delta = in.zigzag();
  record.offset_delta = static_cast<std::int32_t>(in.zigzag());
  record.key = in.bytes();
  record.value = in.bytes();
  for (std::int64_t n = in.zigzag(); n > 0; n--) {
    Header header;
    header.key = in.bytes().value();
    header.value = in.bytes();
    record.headers.push_back(std::move(header));
  }
  if (in.left()) throw std::runtime_error("a record is too long");
  return record;
}

Batch read_batch(const Bytes& bytes) {
  Reader in(bytes);
  Batch batch;
  batch.base_offset = in.number<std::int64_t>();
  if (in.number<std::int32_t>() != static_cast<std::int32_t>(bytes.size()) - 12)
    throw std::runtime_error("length of a batch");
  batch.leader_epoch = in.number<std::int32_t>();
  batch.magic = in.number<std::int8_t>();
  const auto sum = in.number<std::uint32_t>();
  if (sum != crc32c(bytes.substr(21))) throw std::runtime_error("sum of a batch");
  batch.attributes = in.number<std::int16_t>();
  batch.last_offset_delta = in.number<std::int32_t>();
  batch.base_time = in.number<std::int64_t>();
  batch.max_time = in.number<std::int64_t>();
  batch.producer_id = in.number<std::int64_t>();
  batch.producer_epoch = in.number<std::int16_t>();
  batch.base_sequence = in.number<std::int32_t>();
  batch.count = in.number<std::int32_t>();
  if (batch.attributes & 0x27) {
    batch.opaque = in.take(static_cast<std::int64_t>(in.left()));
    return batch;
  }
  for (int i = 0; i < batch.count; i++) batch.records.push_back(read_record(in.take(in.zigzag())));
  if (in.left()) throw std::runtime_error("a batch is too long");
  return batch;
}

bool is(const Header& header, std::string_view key) { return header.key == key; }

}  // namespace

std::uint32_t crc32c(const Bytes& bytes) {
  std::uint32_t crc = ~0u;
  for (const char c : bytes) {
    crc ^= static_cast<std::uint8_t>(c);
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
  }
  return ~crc;
}

Bytes encode_headers(const std::vector<Header>& headers) {
  Writer out;
  for (const Header& header : headers) {
    out.bytes(header.key);
    out.bytes(header.value);
  }
  return out.out;
}

Bytes encode(const Produce& request) {
  const Form form(request.version);
  Writer out;
  const auto count = [&](std::size_t n) {
    if (form.compact)
      out.varint(n + 1);
    else
      out.number(static_cast<std::int32_t>(n));
  };
  const auto text = [&](const std::optional<Bytes>& value, bool compact) {
    if (compact)
      out.varint(value ? value->size() + 1 : 0);
    else
      out.number(static_cast<std::int16_t>(value ? static_cast<int>(value->size()) : -1));
    if (value) out.out += *value;
  };
  const auto tags = [&] {
    if (form.compact) out.out += '\0';
  };
  out.number(std::int16_t{0});
  out.number(static_cast<std::int16_t>(request.version));
  out.number(request.correlation_id);
  text(request.client_id, false);
  tags();
  text(request.transactional_id, form.compact);
  out.number(request.acks);
  out.number(request.timeout);
  count(request.topics.size());
  for (const Topic& topic : request.topics) {
    if (form.ids)
      out.out += topic.name;
    else
      text(topic.name, form.compact);
    count(topic.partitions.size());
    for (const Partition& partition : topic.partitions) {
      out.number(partition.index);
      const Bytes records = partition.raw.empty() ? batch_bytes(partition.batch) : partition.raw;
      count(records.size());
      out.out += records;
      tags();
    }
    tags();
  }
  tags();
  Writer whole;
  whole.number(static_cast<std::int32_t>(out.out.size()));
  return whole.out + out.out;
}

Produce decode(const Bytes& bytes) {
  Reader in(bytes);
  Produce request;
  if (in.number<std::int32_t>() != static_cast<std::int32_t>(bytes.size()) - 4) throw std::runtime_error("length");
  if (in.number<std::int16_t>() != 0) throw std::runtime_error("no Produce");
  request.version = in.number<std::int16_t>();
  const Form form(request.version);
  request.correlation_id = in.number<std::int32_t>();
  const auto text = [&](std::int64_t n) { return n < 0 ? std::nullopt : std::optional(in.take(n)); };
  request.client_id = text(in.number<std::int16_t>());
  in.no_tags(form);
  request.transactional_id = text(in.length(form, false));
  request.acks = in.number<std::int16_t>();
  request.timeout = in.number<std::int32_t>();
  for (std::int64_t topics = in.length(form, true); topics > 0; topics--) {
    Topic topic;
    topic.name = form.ids ? in.take(16) : text(in.length(form, false)).value();
    for (std::int64_t partitions = in.length(form, true); partitions > 0; partitions--) {
      Partition partition;
      partition.index = in.number<std::int32_t>();
      const Bytes records = in.take(in.length(form, true));
      if (records.size() > 16 && records[16] != 2)
        partition.raw = records;
      else
        partition.batch = read_batch(records);
      in.no_tags(form);
      topic.partitions.push_back(std::move(partition));
    }
    in.no_tags(form);
    request.topics.push_back(std::move(topic));
  }
  in.no_tags(form);
  if (in.left()) throw std::runtime_error("bytes behind the end");
  return request;
}

Produce with_headers(Produce request, const Added& same, std::size_t& changed) {
  return with_headers(std::move(request), [&](std::size_t) { return &same; }, changed);
}

Produce with_headers(Produce request, const AddedTo& whose, std::size_t& changed) {
  std::size_t number = 0;
  for (Topic& topic : request.topics)
    for (Partition& partition : topic.partitions)
      for (Record& record : partition.batch.records) {
        const Added* given = whose(number++);
        if (!given) continue;
        const Added& added = *given;
        auto& headers = record.headers;
        const auto has = [&](std::string_view key) {
          return std::ranges::any_of(headers, [&](const Header& h) { return is(h, key); });
        };
        if ((has("traceparent") || has("tracestate")) && !added.replace) continue;
        changed++;
        const bool baggage = added.baggage && (added.replace || !has("baggage"));
        std::erase_if(headers, [&](const Header& h) {
          return is(h, "traceparent") || is(h, "tracestate") || (baggage && is(h, "baggage"));
        });
        headers.insert(headers.end(), added.ids.begin(), added.ids.end());
        if (baggage) headers.push_back(*added.baggage);
      }
  return request;
}

Produce random_produce(std::mt19937_64& random, std::size_t value_bytes) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  const auto one_of = [&](std::initializer_list<std::size_t> sizes) { return sizes.begin()[below(sizes.size())]; };
  const auto noise = [&](std::size_t n) {
    Bytes bytes(n, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    return bytes;
  };
  const auto maybe = [&](std::size_t n, unsigned percent) {
    return below(100) < percent ? std::nullopt : std::optional(noise(n));
  };
  static constexpr const char* names[] = {"a",           "app-id",     "traceparenT", "Baggage",    "baggag",
                                          "tracestates", "tracestate", "baggage",     "traceparent"};
  Produce request;
  request.version = 3 + static_cast<int>(below(11));
  request.correlation_id = static_cast<std::int32_t>(random());
  request.client_id = maybe(one_of({0, 1, 8, 200}), 20);
  request.transactional_id = maybe(one_of({0, 1, 12, 200}), 60);
  request.acks = static_cast<std::int16_t>(static_cast<int>(below(3)) - 1);
  for (std::size_t topics = one_of({1, 1, 1, 2, 3, 0}); topics > 0; topics--) {
    Topic topic{request.version >= 13 ? noise(16) : Bytes(one_of({1, 5, 126, 127, 128, 249}), 't'), {}};
    for (std::size_t partitions = one_of({1, 1, 2, 4}); partitions > 0; partitions--) {
      Partition partition;
      partition.index = static_cast<std::int32_t>(below(1000));
      Batch& batch = partition.batch;
      batch.base_offset = static_cast<std::int64_t>(random());
      batch.base_time = 1700000000000 + static_cast<std::int64_t>(below(100000));
      batch.max_time = batch.base_time + 7;
      batch.producer_id = below(2) ? -1 : static_cast<std::int64_t>(below(100000));
      batch.producer_epoch = static_cast<std::int16_t>(below(20));
      batch.base_sequence = static_cast<std::int32_t>(random());
      batch.count = static_cast<std::int32_t>(one_of({1, 1, 2, 3, 10, 70, 130}));
      batch.last_offset_delta = batch.count - 1;
      const std::size_t kind = below(20);
      batch.attributes = static_cast<std::int16_t>(one_of({0, 8, 16}));
      if (kind == 0) {
        batch.attributes |= static_cast<std::int16_t>(1 + below(4));
        batch.opaque = noise(1 + below(300));
      } else if (kind == 1) {
        batch.attributes |= 0x20;
        batch.opaque = noise(1 + below(40));
      } else if (kind == 2) {
        batch = {};
        partition.raw = noise(16) + '\1' + noise(below(80));
      }
      for (int i = 0; kind > 2 && i < batch.count; i++) {
        Record record;
        record.time_delta = static_cast<std::int64_t>(random() >> one_of({63, 60, 20, 1}));
        record.offset_delta = i;
        record.key = maybe(one_of({0, 1, 8, 63, 64, 200}), 30);
        record.value = maybe(one_of({0, 1, 20, 40, 56, 63, 64, below(value_bytes + 1), 8191, 8192}), 10);
        for (std::size_t headers = one_of({0, 0, 0, 0, 1, 2, 5, 63, 64}); headers > 0; headers--)
          record.headers.push_back(
              {below(10) ? Bytes(names[below(6)]) : Bytes(names[below(9)]), maybe(one_of({0, 5, 55, 70, 200}), 20)});
        batch.records.push_back(std::move(record));
      }
      topic.partitions.push_back(std::move(partition));
    }
    request.topics.push_back(std::move(topic));
  }
  return request;
}

}  // namespace weft::test::kafka
