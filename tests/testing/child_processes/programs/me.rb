# Ruby's net/http with the real host.
require "net/http"

uri = URI("https://cloud.leonardo.ai/api/rest/v1/me")
puts Net::HTTP.get_response(uri, { "authorization" => "Bearer #{ENV["LEONARDO_API_KEY"]}" }).code
