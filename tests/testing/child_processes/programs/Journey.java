import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** HttpClient with its defaults (it offers h2c to plain URLs) and HttpURLConnection. */
public class Journey {
  static final String KEY = "Bearer " + System.getenv("LEONARDO_API_KEY");

  public static void main(String[] arguments) throws Exception {
    for (String base : new String[] {"https://cloud.leonardo.ai/api/rest/v1", System.getenv("LEONARDO_BASE_URL")}) {
      HttpRequest create = HttpRequest.newBuilder(URI.create(base + "/generations"))
          .header("authorization", KEY)
          .header("content-type", "application/json")
          .POST(HttpRequest.BodyPublishers.ofString("{\"prompt\": \"a lighthouse\"}"))
          .build();
      HttpResponse<String> answer = HttpClient.newHttpClient().send(create, HttpResponse.BodyHandlers.ofString());
      System.out.println(answer.statusCode() + " " + answer.body().contains("generationId"));
    }
    URI me = URI.create("https://cloud.leonardo.ai/api/rest/v1/me");
    HttpURLConnection connection = (HttpURLConnection) me.toURL().openConnection();
    connection.setRequestProperty("authorization", KEY);
    System.out.println(connection.getResponseCode());
  }
}
