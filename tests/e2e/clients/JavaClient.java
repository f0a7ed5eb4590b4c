// SPDX-License-Identifier: Apache-2.0
// java.net.http with kept connections: BASE-URL STEP…
import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.MessageDigest;
import java.util.HexFormat;

class JavaClient {
  static byte[] body(int size) {
    byte[] bytes = new byte[size];
    for (int i = 0, j = 0; i < size; i++, j = j == 251 * 256 - 1 ? 0 : j + 1) bytes[i] = (byte) (j * 7 + j / 251);
    return bytes;
  }

  public static void main(String[] arguments) throws Exception {
    HttpClient client =
        HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).followRedirects(HttpClient.Redirect.NORMAL).build();
    for (int i = 1; i < arguments.length; i++) {
      String[] step = arguments[i].split(" ");
      byte[] data = body(Integer.parseInt(step[2]));
      var publisher = step[3].equals("none") ? BodyPublishers.noBody()
          : step[3].equals("length") ? BodyPublishers.ofByteArray(data)
          : BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(data));
      var request = HttpRequest.newBuilder(URI.create(arguments[0] + step[1])).method(step[0], publisher).build();
      var answer = client.send(request, BodyHandlers.ofByteArray());
      byte[] hash = MessageDigest.getInstance("SHA-256").digest(answer.body());
      System.out.println(answer.statusCode() + " " + answer.body().length + " " + HexFormat.of().formatHex(hash));
    }
  }
}
