import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Creates a picture and waits for it, with the real host in the program: `leomock exec -- java Poster.java`. */
public class Poster {
  static final String BASE = "https://cloud.leonardo.ai/api/rest/v1";
  static final HttpClient client = HttpClient.newHttpClient();

  public static void main(String[] arguments) throws Exception {
    String created = send(request("/generations")
        .POST(HttpRequest.BodyPublishers.ofString("{\"prompt\": \"a lighthouse\", \"num_images\": 1}")));
    String id = find("\"generationId\":\"([^\"]+)\"", created);
    String generation = "";
    for (int attempt = 0; attempt < 30 && !generation.contains("\"COMPLETE\""); attempt++) {
      if (attempt > 0) Thread.sleep(500);
      generation = send(request("/generations/" + id).GET());
    }
    byte[] picture = client.send(
        HttpRequest.newBuilder(URI.create(find("\"url\":\"([^\"]+)\"", generation))).build(),
        BodyHandlers.ofByteArray()).body();
    System.out.println(picture.length > 1000 ? "a picture" : "no picture");
  }

  static HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create(BASE + path))
        .header("authorization", "Bearer " + System.getenv("LEONARDO_API_KEY"))
        .header("content-type", "application/json");
  }

  static String send(HttpRequest.Builder request) throws Exception {
    var answer = client.send(request.build(), BodyHandlers.ofString());
    if (answer.statusCode() != 200) throw new IllegalStateException(answer.statusCode() + " " + answer.body());
    return answer.body();
  }

  static String find(String pattern, String text) {
    Matcher matcher = Pattern.compile(pattern).matcher(text);
    if (!matcher.find()) throw new IllegalStateException("not found in " + text);
    return matcher.group(1);
  }
}
