// Go's net/http with the real host.
package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	request, _ := http.NewRequest("GET", "https://cloud.leonardo.ai/api/rest/v1/me", nil)
	request.Header.Set("authorization", "Bearer "+os.Getenv("LEONARDO_API_KEY"))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		panic(err)
	}
	fmt.Println(answer.StatusCode)
}
