#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# forking.pl PORT FOLDER: a process for each connection, kept alive; files, chunked answers, 204 and 503.
use strict;
use warnings;
use IO::Socket::INET;

my ($port, $folder) = @ARGV;
$SIG{CHLD} = 'IGNORE';
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 64, ReuseAddr => 1) or die $!;

sub answer {
  my ($method, $path) = @_;
  return "HTTP/1.1 204 No Content\r\n\r\n" if $path eq '/empty';
  return "HTTP/1.1 503 Unavailable\r\nContent-Length: 2\r\n\r\nno" if $path eq '/fails';
  if ($path eq '/chunked') {
    return join '', "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      (map { sprintf "%x\r\n%s\r\n", $_ * 100, 'c' x ($_ * 100) } 1 .. 50), "0\r\n\r\n";
  }
  open my $file, '<:raw', "$folder$path" or return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  local $/;
  my $content = <$file>;
  my $head = sprintf "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", length $content;
  return $method eq 'HEAD' ? $head : $head . $content;
}

while (my $connection = $listener->accept) {
  if (fork) { close $connection; next }
  close $listener;
  local $/ = "\r\n\r\n";
  while (defined(my $head = <$connection>)) {
    my ($method, $path) = split / /, $head;
    print {$connection} answer($method, $path) or last;
    $connection->flush;
    last if $head =~ /^connection:\s*close/mi;
  }
  exit 0;
}
