# Perl's LWP and HTTP::Tiny with the real host.
use strict;
use HTTP::Tiny;
use LWP::UserAgent;

my $url = "https://cloud.leonardo.ai/api/rest/v1/me";
my $key = "Bearer $ENV{LEONARDO_API_KEY}";
print LWP::UserAgent->new->get($url, authorization => $key)->code, "\n";
print HTTP::Tiny->new(verify_SSL => 1)->get($url, { headers => { authorization => $key } })->{status}, "\n";
