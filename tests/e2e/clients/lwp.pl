#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Perl's LWP with kept connections: BASE-URL STEP…
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use HTTP::Request;
use LWP::UserAgent;

sub body {
  my ($size) = @_;
  my $block = pack 'C*', map { ($_ * 7 + int($_ / 251)) & 255 } 0 .. 251 * 256 - 1;
  return substr $block x (int($size / length $block) + 1), 0, $size;
}

$| = 1;
my $base = shift @ARGV;
my $agent = LWP::UserAgent->new(keep_alive => 1);
for my $step (@ARGV) {
  my ($method, $path, $size, $framing) = split / /, $step;
  my $request = HTTP::Request->new($method, "$base$path");
  my $body = body($size);
  if ($framing eq 'chunked') {
    my $at = 0;
    $request->content(sub { my $piece = substr $body, $at, 16_000; $at += length $piece; return $piece });
  } elsif ($framing eq 'length') {
    $request->content($body);
  }
  my $answer = $agent->request($request);
  printf "%d %d %s\n", $answer->code, length $answer->content, sha256_hex($answer->content);
}
