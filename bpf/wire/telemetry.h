/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Does the target of a POST hand telemetry to a back end? Its path's end tells, as back ends stand under base paths and
 * proxies are given targets in absolute form.
 */
#ifndef WEFT_WIRE_TELEMETRY_H
#define WEFT_WIRE_TELEMETRY_H

#include "wire/head_text.h"
#include "wire/words.h"

enum telemetry {
	TELEMETRY_NONE = 0,
	TELEMETRY_OTHER,     /* metrics, logs, … by OTLP */
	TELEMETRY_OTLP,	     /* this and all that follow: spans */
	TELEMETRY_OTLP_GRPC, /* … by gRPC */
	TELEMETRY_ZIPKIN,
	TELEMETRY_JAEGER,
};

#define TELEMETRY_SPANS TELEMETRY_OTLP /* the first of those that are spans */

struct telemetry_find_run {
	const struct head_text *text;
	__u32 at, end, wanted;
};

WIRE_STEP telemetry_find_step(__u32 i, void *arg)
{
	struct telemetry_find_run *run = (struct telemetry_find_run *)arg;
	__u64 found;

	(void)i;
	if (run->at >= run->end)
		return 1;
	found = word_equal(wire_load64(run->text->bytes + head_text_index(run->at)), (__u8)run->wanted);
	if (found) {
		run->at += word_first(found);
		return 1;
	}
	run->at += 8;
	return 0;
}

/* Where the byte `wanted` is first in [at, end); `end` when it is nowhere. */
WIRE_GLOBAL __u32 telemetry_find(const struct head_text *t, __u32 at, __u32 end, __u32 wanted)
{
	struct telemetry_find_run run;

	if (!t || end > HEAD_TEXT_CAP)
		return end;
	run.text = t;
	run.at = at;
	run.end = end;
	run.wanted = wanted;
	wire_loop(HEAD_TEXT_CAP / 8, telemetry_find_step, &run);
	return run.at < end ? run.at : end;
}

/* Does a path of `bytes` bytes up to `end` end in `ending` bytes, the first and the last eight of which are these? */
WIRE_INLINE bool telemetry_ends_in(const struct head_text *t, __u32 end, __u32 bytes, __u32 ending, __u64 first,
				   __u64 last)
{
	return bytes >= ending && wire_load64(t->bytes + head_text_index(end - ending)) == first &&
	       wire_load64(t->bytes + head_text_index(end - 8)) == last;
}

/* Metrics and logs: other interfaces have such names too, so a base path has to say that it is OpenTelemetry's. */
WIRE_INLINE int telemetry_other(const struct head_text *t, __u32 end, __u32 bytes, __u32 ending)
{
	__u32 base;

	if (bytes == ending)
		return TELEMETRY_OTHER;
	if (bytes < ending + 5)
		return TELEMETRY_NONE;
	base = (__u32)wire_load64(t->bytes + head_text_index(end - ending - 4));
	return base == 0x706c746fU /* otlp */ || base == 0x6c65746fU /* otel */ || base == 0x79727465U /* …etry */
		   ? TELEMETRY_OTHER
		   : TELEMETRY_NONE;
}

/* The target of a POST lies at [start, end). Returns enum telemetry. */
WIRE_GLOBAL int telemetry_posted(const struct head_text *t, __u32 start, __u32 end)
{
	__u32 bytes;

	if (!t || end > HEAD_TEXT_CAP || start + 8 > end)
		return TELEMETRY_NONE;
	end = telemetry_find(t, start, end, '?');
	if (head_text_at(t, start) != '/') /* http://… */
		start = telemetry_find(t, start + 8, end, '/');
	bytes = end - start;
	if (bytes < 8 || bytes > HEAD_TEXT_CAP)
		return TELEMETRY_NONE;
	if (wire_load64(t->bytes + head_text_index(start)) == 0x6c65746e65706f2fULL &&
	    wire_load64(t->bytes + head_text_index(start + 8)) == 0x702e797274656d65ULL) /* /opentelemetry.p */
		return telemetry_ends_in(t, end, bytes, 19, 0x7265536563617254ULL, 0x74726f7078452f65ULL)
			   ? TELEMETRY_OTLP_GRPC /* TraceService/Export */
			   : TELEMETRY_OTHER;
	if (telemetry_ends_in(t, end, bytes, 10, 0x636172742f31762fULL, 0x7365636172742f31ULL)) /* /v1/traces */
		return TELEMETRY_OTLP;
	if (telemetry_ends_in(t, end, bytes, 13, 0x2f32762f6970612fULL, 0x736e6170732f3276ULL) || /* /api/v2/spans */
	    telemetry_ends_in(t, end, bytes, 13, 0x2f31762f6970612fULL, 0x736e6170732f3176ULL))	  /* /api/v1/spans */
		return TELEMETRY_ZIPKIN;
	if (bytes == 11 &&
	    telemetry_ends_in(t, end, bytes, 11, 0x6172742f6970612fULL, 0x7365636172742f69ULL)) /* /api/traces */
		return TELEMETRY_JAEGER;
	if (telemetry_ends_in(t, end, bytes, 11, 0x7274656d2f31762fULL, 0x7363697274656d2fULL)) /* /v1/metrics */
		return telemetry_other(t, end, bytes, 11);
	if (telemetry_ends_in(t, end, bytes, 8, 0x73676f6c2f31762fULL, 0x73676f6c2f31762fULL)) /* /v1/logs */
		return telemetry_other(t, end, bytes, 8);
	return TELEMETRY_NONE;
}

#endif
