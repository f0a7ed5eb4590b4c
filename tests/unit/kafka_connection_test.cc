// SPDX-License-Identifier: Apache-2.0
// Which connections are taken for Kafka's, and what a broker's answers say.
#include <doctest/doctest.h>

#include "support/kafka/work.h"
#include "wire/kafka_answer.h"
#include "wire/kafka_state.h"

namespace weft::test::kafka {

TEST_CASE("Kafka: a connection begins with a request of a version in use, not with what looks like an old one") {
  const auto opens = [](const Bytes& bytes) {
    return kafka_opens(reinterpret_cast<const __u8*>(bytes.data()), static_cast<__u32>(bytes.size()));
  };
  const auto request = [](char api, char version) {
    return Bytes("\0\0\0\20\0", 5) + api + '\0' + version + Bytes("\0\0\0\1\0\2id\0\0\0\0", 12);
  };
  // ZooKeeper's ConnectRequest: protocol 0, transaction 0, 30 s, session 0, a password of 16 zeros, not read-only.
  Bytes zookeeper("\0\0\0\x2d\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x75\x30\0\0\0\0\0\0\0\0\0\0\0\x10", 32);
  zookeeper += Bytes(17, '\0');
  CHECK_FALSE(opens(zookeeper));
  for (char version = 0; version <= 13; version++) {
    CAPTURE(static_cast<int>(version));
    CHECK(opens(request(KAFKA_PRODUCE, version)) == (version >= 3));
    CHECK(opens(request(KAFKA_FETCH, version)) == (version >= 4));
    CHECK(opens(request(KAFKA_LIST_OFFSETS, version)) == (version >= 1));
    CHECK(opens(request(KAFKA_METADATA, version)));
    CHECK_FALSE(opens(request(KAFKA_OFFSET_COMMIT, version)));
  }
  for (int version = 3; version <= 13; version++) CHECK(opens(encode(one_record(version))));
}

TEST_CASE("Kafka: a connection in mid-life goes on with any request that is there whole and names its client") {
  const auto continues = [](const Bytes& bytes) {
    const auto size = static_cast<__u32>(bytes.size());
    const Bytes first = (bytes + Bytes(KAFKA_CONTINUES_BYTES, '\xff')).substr(0, KAFKA_CONTINUES_BYTES);
    return kafka_continues(reinterpret_cast<const __u8*>(first.data()), std::min(size, KAFKA_CONTINUES_BYTES), size);
  };
  const auto request = [](char api, char version, char client) {
    return Bytes("\0\0\0\20\0", 5) + api + '\0' + version + Bytes("\0\0\0\1", 4) + (client < 0 ? '\xff' : '\0') +
           client + Bytes("id\0\0\0\0", 6);
  };
  for (char version = 0; version <= 13; version++) {
    CAPTURE(static_cast<int>(version));
    CHECK(continues(request(KAFKA_PRODUCE, version, 2)) == (version >= 3));
    CHECK(continues(request(KAFKA_FETCH, version, 2)) == (version >= 4));
    CHECK(continues(request(KAFKA_OFFSET_COMMIT, version, 2)));
    CHECK_FALSE(continues(request(KAFKA_OFFSET_COMMIT, version, 0)));
    CHECK_FALSE(continues(request(KAFKA_OFFSET_COMMIT, version, -1)));
  }
  Bytes binary = request(KAFKA_OFFSET_COMMIT, 5, 2);
  binary[15] = '\n';
  CHECK_FALSE(continues(binary));
  const Bytes whole = encode(one_record(9));
  CHECK(continues(whole));
  CHECK(continues(whole + "and the next"));
  for (std::size_t bytes = 0; bytes < whole.size(); bytes++) CHECK_FALSE(continues(whole.substr(0, bytes)));
}

TEST_CASE("Kafka: a broker that refuses a batch is heard in every version") {
  static head_text text;
  const auto answer = [](int version, int partitions, int bad, std::uint16_t error) {
    const bool compact = version >= 9;
    Bytes out;
    const auto number = [&](std::uint64_t value, int bytes) {
      for (int i = bytes - 1; i >= 0; i--) out += static_cast<char>(value >> (8 * i));
    };
    const auto count = [&](int n) {
      compact ? number(static_cast<std::uint64_t>(n) + 1, 1) : number(static_cast<std::uint64_t>(n), 4);
    };
    if (compact) out += '\0';
    count(2);
    for (int topic = 0; topic < 2; topic++) {
      if (version >= 13)
        out += Bytes(16, 'i');
      else if (compact)
        out += Bytes("\7orders");
      else
        out += Bytes("\0\6orders", 8);
      count(partitions);
      for (int i = 0; i < partitions; i++) {
        number(static_cast<std::uint64_t>(i), 4);
        number(topic == 1 && i == bad ? error : 0, 2);
        number(77, 8);
        number(~0ull, 8);
        if (version >= 5) number(0, 8);
        if (version >= 8) {
          count(0);
          compact ? number(0, 1) : number(0xffff, 2);
        }
        if (compact) out += '\0';
      }
      if (compact) out += '\0';
    }
    number(0, 4);
    if (compact) out += '\0';
    return out;
  };
  for (int version = 3; version <= 13; version++) {
    CAPTURE(version);
    for (const std::uint16_t error : {2, 10, 18, 43, 87, 0xffff, 0, 6, 7}) {
      const Bytes bytes = answer(version, 3, 2, error);
      std::memcpy(text.bytes, bytes.data(), bytes.size());
      const bool refused = error != 0 && error != 6 && error != 7;
      CHECK(kafka_answer_refuses(&text, static_cast<__u32>(bytes.size()), static_cast<__u32>(version)) == refused);
      if (!refused) {  // cut off or with fields that are not known it is not sure
        const std::size_t last = bytes.size() - (version >= 9 ? 6 : 4);
        for (std::size_t n = 0; n <= last; n++)
          CHECK(kafka_answer_refuses(&text, static_cast<__u32>(n), static_cast<__u32>(version)) ==
                (version >= 9 || n < last));
        if (version < 9) continue;
        text.bytes[last] = 1;
        CHECK(kafka_answer_refuses(&text, static_cast<__u32>(bytes.size()), static_cast<__u32>(version)));
        continue;
      }
      const std::size_t at =
          bytes.rfind(Bytes{'\0', '\0', '\0', '\2', static_cast<char>(error >> 8), static_cast<char>(error)}) + 6;
      CHECK(kafka_answer_refuses(&text, static_cast<__u32>(at), static_cast<__u32>(version)));
      CHECK(kafka_answer_refuses(&text, static_cast<__u32>(at - 1), static_cast<__u32>(version)));
    }
  }
}

}  // namespace weft::test::kafka
