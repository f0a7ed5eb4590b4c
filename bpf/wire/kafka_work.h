/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/* A Produce request being read and rebuilt. Used through wire/kafka_produce.h and wire/kafka_rebuild.h. */
#ifndef WEFT_WIRE_KAFKA_WORK_H
#define WEFT_WIRE_KAFKA_WORK_H

#include "wire/kafka_bytes.h"

#define KAFKA_PARTS 64u		 /* partitions of one request */
#define KAFKA_TOPIC_MOST 249u	 /* longest name of a topic */
#define KAFKA_BATCH_HEAD 61u	 /* of a batch, before its records */
#define KAFKA_BATCH_CRC 17u	 /* where the sum stands in it … */
#define KAFKA_BATCH_SUMMED 21u	 /* … and from where on it sums */
#define KAFKA_BATCH_TIME 27u	 /* where the first record's timestamp stands */
#define KAFKA_ADDED_CAP 16384u	 /* encoded headers that a record is given */
#define KAFKA_HEADERS_MOST 4096u /* of one record */

enum kafka_outcome {
	KAFKA_UNDER_WAY = 0,
	KAFKA_WHOLE,	 /* read to its last byte */
	KAFKA_SHORT,	 /* as far as its bytes are there */
	KAFKA_LIMIT,	 /* more partitions than are followed, or longer than may be */
	KAFKA_CORRUPT,	 /* the sum of a batch is wrong: not to be made right */
	KAFKA_MALFORMED, /* not a Produce request of a known form */
};

/* Headers that weft writes, by name. Keys of Kafka headers have no case. */
#define KAFKA_HAS_TRACEPARENT (1u << 0)
#define KAFKA_HAS_TRACESTATE (1u << 1)
#define KAFKA_HAS_BAGGAGE (1u << 2)
#define KAFKA_HAS_CONTEXT (KAFKA_HAS_TRACEPARENT | KAFKA_HAS_TRACESTATE)

/* One record: offsets in the source. */
struct kafka_record {
	__u32 start;	  /* of the varint of its length … */
	__u32 body;	  /* … and what that counts: [body, end) */
	__u32 key_at;	  /* of the varint of its key's length */
	__u32 count_at;	  /* number of headers … */
	__u32 headers_at; /* … and the headers */
	__u32 end;
	__u32 count;
	__u32 has;	 /* KAFKA_HAS_* */
	__u32 bytes[3];	 /* that headers of these names take */
	__u32 counts[3]; /* … and how many there are */
	__u32 changed;	 /* it is given a context: */
	__u32 drop;	 /* KAFKA_HAS_*: headers that give way */
	__u32 added;	 /* bytes of kafka_work.added */
	__u32 new_count, new_bytes;
};

/* What one partition is sent. */
struct kafka_part {
	__u32 length_at; /* of its records, a varint or four bytes */
	__u32 batch_at;
	__u32 batch_bytes, new_bytes;
	__u32 topic_at;
	__u16 topic_bytes;
	__u8 compression; /* attributes & 7 */
	__u8 magic;
	__s32 partition;
	__u32 records; /* by its head */
	__u32 first;   /* number of the first of them … */
	__u32 changed; /* … and how many are given a context */
};

enum kafka_single_state {
	KAFKA_SINGLE_BETWEEN = 0,
	KAFKA_SINGLE_KEY,   /* how long is it? */
	KAFKA_SINGLE_NAME,  /* it is written … */
	KAFKA_SINGLE_VALUE, /* … how long is what stands behind it? */
	KAFKA_SINGLE_DATA,  /* it is written */
	KAFKA_SINGLE_SKIP,  /* up to the next member */
};

/* The member at hand: see wire/kafka_single.h. */
struct kafka_single {
	__u32 state;
	__u32 pos, end; /* in the text of baggage */
	__u32 key_at, value_at;
	__u32 key_bytes, bytes; /* … of the value, decoded … */
	__u32 solid;		/* … up to its last byte that is no space */
	__u32 written;
	__u32 begin, to; /* in kafka_work.added: where its header begins, and the next byte */
	__u32 full;
};

struct kafka_work {
	/* Given. */
	__u32 length;	     /* of the request, its length field included */
	__u32 have;	     /* bytes of it that are there; fewer: nothing can be rebuilt */
	__u32 skim;	     /* batches are stepped over: what else it says is all that is wanted */
	__u32 replace;	     /* a context that a record has gives way; else such a record stays as it is */
	__u32 ids_bytes;     /* of `added`: traceparent, and tracestate if there is one … */
	__u32 ids_count;     /* … so many headers; 0: nothing is to be added */
	__u32 baggage_bytes; /* behind them: baggage; 0: none … */
	__u32 baggage_count; /* … in so many headers */
	__u32 singles;	     /* it is one header a member: what a record has of that form is its own baggage as well */
	__u32 told;	     /* which records are given which headers differs: see wire/kafka_sets.h */
	__u32 adds;	     /* there are records that something is to be added to */
	__u32 each_most;     /* up to so many messages that leave together have a span each */
	__u32 batch_most;    /* a batch that is no longer than this does not become so; 0: whatever its length */
	__u64 stay_parts;    /* a bit for each of `parts` whose records stay as they are … */
	__u32 all_stay;	     /* … which is so for all of them */
	__u64 sending;	     /* without `told`: the span id in `added` */
	__u32 claims, claims_all; /* traces may be claimed for it … for all of it */
	/* Read. */
	__u32 outcome; /* enum kafka_outcome */
	__u32 version, compact;
	__u32 correlation_id;
	__s32 acks;
	__u32 client_id_at, client_id_bytes;
	__u32 transactional;
	__u32 at; /* next byte of the source */
	__u32 topics_left, partitions_left, records_left;
	__u32 in_topic, in_batch;
	__u32 topic_at, topic_bytes;
	__u32 batch_end;
	__u32 number;	       /* of the next record, of those that are read */
	__u32 sets, set;       /* with `told`: so many callers there are; that of the record at hand */
	__u32 staged;	       /* with `told`: sets that have headers */
	__u32 headers_to;      /* with `told`: where the next headers of a set go */
	__u32 without_baggage; /* with `told`: it is left out */
	__u32 stays;	       /* records of the batch at hand stay as they are */
	__s32 growth;	       /* … and so much longer does it become */
	__u64 over_parts;      /* a bit for each of `parts` that would become longer than batch_most … */
	__u32 over;	       /* … so that there are batches which stay as they are */
	__u32 part_count;
	__u32 partitions, records, changed; /* of the request; records by the heads of the batches */
	__u32 own;			    /* records with a context of their own that stay as they are */
	__u32 summary_at, summary_most, summary_topic, listed; /* see wire/kafka_summary.h */
	__u64 summary_parts;				       /* a bit for each that it is about */
	__u32 own_baggage;				       /* records with baggage of their own, changed or not */
	__u32 unread; /* batches whose records are stepped over: compressed, of an old format, of a transaction's end */
	__s64 grown;  /* so many more bytes will it be */
	/* Rebuilt. */
	__u32 part;	     /* the one at hand */
	__u32 from, to;	     /* next byte of the source, next one of the target */
	__u32 batch_to;	     /* where the batch at hand begins in the target */
	__u32 emitting;	     /* records of it that are still to be written */
	__u32 new_length;    /* 0: not done */
	__u32 each, stamped; /* each record that is changed is given a span of its own; so many have one */
	__u32 header_at, header_drop;
	struct kafka_single single;
	struct kafka_record record;
	struct kafka_part parts[KAFKA_PARTS];
	__u8 added[KAFKA_ADDED_CAP + 64]; /* headers as they stand in a record: key, value, both with their lengths */
	struct kafka_bytes text;
};

WIRE_INLINE struct kafka_part *kafka_part_at(struct kafka_work *w, __u32 part)
{
	WIRE_OPAQUE(part);
	return &w->parts[part & (KAFKA_PARTS - 1)];
}

/* Cannot go on: because bytes are missing, or for good. */
WIRE_INLINE int kafka_stop(struct kafka_work *w)
{
	w->outcome = w->have < w->length ? KAFKA_SHORT : KAFKA_MALFORMED;
	return 1;
}

#endif
