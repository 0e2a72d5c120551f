<?php
// PHP's curl extension and its streams, with the real host.
$url = "https://cloud.leonardo.ai/api/rest/v1/me";
$header = "authorization: Bearer " . getenv("LEONARDO_API_KEY");

$curl = curl_init($url);
curl_setopt_array($curl, [CURLOPT_HTTPHEADER => [$header], CURLOPT_RETURNTRANSFER => true]);
curl_exec($curl);
echo curl_getinfo($curl, CURLINFO_RESPONSE_CODE), "\n";

$answer = file_get_contents($url, false, stream_context_create(["http" => ["header" => $header]]));
echo str_contains($answer, "user_details") ? "200" : "nothing", "\n";
