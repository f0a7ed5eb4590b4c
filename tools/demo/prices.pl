#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The demo's price service: forked workers, a connection at a time. prices.pl PORT CATALOG_PORT
use strict;
use warnings;
use HTTP::Tiny;
use IO::Socket::INET;

my ($port, $catalog_port) = @ARGV;
my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $port, Listen => 64, ReuseAddr => 1)
  or die "prices: port $port: $@\n";

sub price {
    my ($item) = @_;
    my $rates = HTTP::Tiny->new(timeout => 10)->get("http://127.0.0.1:$catalog_port/rates.json");
    return (502, '{"error":"no rates"}') unless $rates->{success};
    return (200, sprintf('{"item":"%s","eur":%.2f}', $item, 10 + length($item) * 2.5));
}

sub serve {
    my ($connection) = @_;
    my $line = <$connection> // return;
    while (my $header = <$connection>) { last if $header =~ /^\r?\n$/ }
    my ($status, $body) = $line =~ m{^GET /prices/(\w+) } ? price($1) : (404, '{"error":"no such page"}');
    my $reason = {200 => 'OK', 404 => 'Not Found', 502 => 'Bad Gateway'}->{$status};
    print $connection "HTTP/1.1 $status $reason\r\nContent-Type: application/json\r\nContent-Length: "
      . length($body) . "\r\nConnection: close\r\n\r\n$body";
}

my @workers;
for (1 .. 3) {
    my $pid = fork // die "prices: fork: $!\n";
    if (!$pid) {
        while (my $connection = $listener->accept) { serve($connection); close $connection }
        exit;
    }
    push @workers, $pid;
}
$SIG{TERM} = sub { kill TERM => @workers; exit };
while (wait != -1) { }
