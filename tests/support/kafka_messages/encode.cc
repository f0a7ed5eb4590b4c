// SPDX-License-Identifier: Apache-2.0
#include "support/kafka_messages/encode.h"

namespace weft::test::kafka {
namespace {

void put_topic(Writer& out, const Topic& topic, bool by_id) {
  if (by_id)
    out.raw(topic.id);
  else
    out.string(topic.name);
}

// Each topic and each partition of it, as every message with topics has them.
template <class Body>
void put_topics(Writer& out, const Topics& topics, bool by_id, const Body& body) {
  out.array(topics.size());
  for (const TopicPartitions& topic : topics) {
    put_topic(out, topic.topic, by_id);
    out.array(topic.partitions.size());
    for (const Partition& partition : topic.partitions) {
      body(partition);
      out.tags(partition.index % 3);
    }
    out.tags();
  }
}

}  // namespace

void Writer::number(std::uint64_t value, int bytes) {
  for (int shift = 8 * bytes - 8; shift >= 0; shift -= 8) text_.push_back(static_cast<char>(value >> shift & 0xff));
}

void Writer::unsigned_varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) text_.push_back(static_cast<char>((value & 0x7f) | 0x80));
  text_.push_back(static_cast<char>(value));
}

void Writer::zigzag(std::int64_t value) {
  unsigned_varint(static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
}

void Writer::string(const std::optional<std::string>& text) {
  if (flexible_)
    unsigned_varint(text ? text->size() + 1 : 0);
  else
    i16(text ? static_cast<int>(text->size()) : -1);
  if (text) text_ += *text;
}

void Writer::bytes(const std::optional<std::string>& text) {
  if (flexible_)
    unsigned_varint(text ? text->size() + 1 : 0);
  else
    i32(text ? static_cast<std::int64_t>(text->size()) : -1);
  if (text) text_ += *text;
}

void Writer::array(std::size_t elements) {
  if (flexible_)
    unsigned_varint(elements + 1);
  else
    i32(static_cast<std::int64_t>(elements));
}

void Writer::tags(int count) {
  if (!flexible_) return;
  unsigned_varint(static_cast<std::uint64_t>(count));
  for (int tag = 0; tag < count; tag++) {
    unsigned_varint(static_cast<std::uint64_t>(200 * tag));
    unsigned_varint(3);
    text_ += "tag";
  }
}

std::string frame(const std::string& content) {
  Writer out(false);
  out.bytes(content);
  return out.take();
}

std::string request_header(int api_key, int version, bool flexible, int correlation_id,
                           const std::optional<std::string>& client_id) {
  Writer out(false);
  out.i16(api_key);
  out.i16(version);
  out.i32(correlation_id);
  out.string(client_id);
  return out.take() + (flexible ? std::string(1, '\0') : "");
}

std::string response_header(bool flexible, int correlation_id) {
  Writer out(flexible);
  out.i32(correlation_id);
  out.tags();
  return out.take();
}

std::string produce_request(int version, int acks, const std::optional<std::string>& transactional_id,
                            const Topics& topics) {
  Writer out(version >= 9);
  out.string(transactional_id);
  out.i16(acks);
  out.i32(30000);
  put_topics(out, topics, version >= 13, [&](const Partition& partition) {
    out.i32(partition.index);
    out.bytes(partition.records);
  });
  out.tags();
  return out.take();
}

std::string produce_response(int version, const Topics& topics) {
  Writer out(version >= 9);
  put_topics(out, topics, version >= 13, [&](const Partition& partition) {
    out.i32(partition.index);
    out.i16(partition.error);
    out.i64(partition.offset);
    out.i64(-1);
    if (version >= 5) out.i64(0);
    if (version >= 8) {
      out.array(partition.error ? 1 : 0);
      if (partition.error) {
        out.i32(0);
        out.string("no");
        out.tags();
      }
      out.string(std::nullopt);
    }
  });
  out.i32(17);
  out.tags();
  return out.take();
}

std::string fetch_request(int version, int session, int epoch, const Topics& topics) {
  Writer out(version >= 12);
  if (version <= 14) out.i32(-1);
  out.i32(500);
  out.i32(1);
  out.i32(52428800);
  out.i8(1);
  if (version >= 7) {
    out.i32(session);
    out.i32(epoch);
  }
  put_topics(out, topics, version >= 13, [&](const Partition& partition) {
    out.i32(partition.index);
    if (version >= 9) out.i32(0);
    out.i64(partition.offset);
    if (version >= 12) out.i32(-1);
    if (version >= 5) out.i64(-1);
    out.i32(1048576);
  });
  if (version >= 7) {
    out.array(1);
    put_topic(out, {"left", std::string(16, 'l')}, version >= 13);
    out.array(2);
    out.i32(3);
    out.i32(4);
    out.tags();
  }
  if (version >= 11) out.string("rack");
  out.tags();
  return out.take();
}

std::string fetch_response(int version, int session, const Topics& topics) {
  Writer out(version >= 12);
  out.i32(0);
  if (version >= 7) {
    out.i16(0);
    out.i32(session);
  }
  put_topics(out, topics, version >= 13, [&](const Partition& partition) {
    out.i32(partition.index);
    out.i16(partition.error);
    out.i64(partition.offset);
    out.i64(partition.offset);
    if (version >= 5) out.i64(0);
    out.array(partition.aborted.size());
    for (const auto& [producer, first] : partition.aborted) {
      out.i64(producer);
      out.i64(first);
      out.tags();
    }
    if (version >= 11) out.i32(-1);
    out.bytes(partition.records);
  });
  out.tags();
  return out.take();
}

std::string metadata_response(int version, const Topics& topics) {
  Writer out(version >= 9);
  if (version >= 3) out.i32(0);
  out.array(1);
  out.i32(1);
  out.string("127.0.0.1");
  out.i32(9092);
  if (version >= 1) out.string(std::nullopt);
  out.tags();
  if (version >= 2) out.string("cluster");
  if (version >= 1) out.i32(1);
  out.array(topics.size());
  for (const TopicPartitions& topic : topics) {
    out.i16(0);
    out.string(topic.topic.name);
    if (version >= 10) out.raw(topic.topic.id);
    if (version >= 1) out.i8(0);
    out.array(topic.partitions.size());
    for (const Partition& partition : topic.partitions) {
      out.i16(partition.error);
      out.i32(partition.index);
      out.i32(1);
      if (version >= 7) out.i32(0);
      for (int list = 0; list < (version >= 5 ? 3 : 2); list++) {
        out.array(1);
        out.i32(1);
      }
      out.tags();
    }
    if (version >= 8) out.i32(0);
    out.tags();
  }
  if (version >= 8 && version <= 10) out.i32(0);
  if (version >= 13) out.i16(0);
  out.tags();
  return out.take();
}

std::string group_request(int api_key, int version, const std::string& group, const std::string& member,
                          const std::optional<std::string>& instance) {
  const int first_flexible = api_key == 8 ? 8 : api_key == 11 ? 6 : api_key == 68 ? 0 : 4;
  Writer out(version >= first_flexible);
  out.string(group);
  if (api_key == 68) {
    out.string(member);
    out.i32(5);
    out.string(instance);
    out.string(std::nullopt);
    out.i32(45000);
    out.array(2);
    out.string("orders");
    out.string("bills");
    if (version >= 1) out.string("ord.*");
    out.string("uniform");
    out.array(1);
    out.raw(std::string(16, 'u'));
    out.array(1);
    out.i32(0);
    out.tags();
    out.tags();
    return out.take();
  }
  out.i32(api_key == 11 ? 10000 : 3);
  if (api_key == 11 && version >= 1) out.i32(60000);
  out.string(member);
  if (version >= (api_key == 8 ? 7 : api_key == 11 ? 5 : 3)) out.string(instance);
  if (api_key == 8) {
    if (version <= 4) out.i64(-1);
    put_topics(out, {{{"orders"}, {{0}, {1}}}}, version >= 10, [&](const Partition& partition) {
      out.i32(partition.index);
      out.i64(7);
      if (version >= 6) out.i32(0);
      out.string("");
    });
  } else if (api_key == 11) {
    out.string("consumer");
    out.array(1);
    out.string("range");
    out.bytes("subscription");
    out.tags();
    if (version >= 8) out.string(std::nullopt);
  } else if (api_key == 14) {
    if (version >= 5) {
      out.string("consumer");
      out.string("range");
    }
    out.array(1);
    out.string(member);
    out.bytes("assignment");
    out.tags();
  }
  out.tags();
  return out.take();
}

std::string api_versions_response(int version, int error) {
  Writer out(version >= 3 && error != 35);
  out.i16(error);
  out.array(2);
  for (const int key : {0, 1}) {
    out.i16(key);
    out.i16(3);
    out.i16(13);
    out.tags();
  }
  if (version >= 1 && error != 35) out.i32(0);
  out.tags();
  return out.take();
}

}  // namespace weft::test::kafka
