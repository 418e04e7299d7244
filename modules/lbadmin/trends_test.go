// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/trends"
)

// The answer has an hour of each series. No configuration runs here, so all values are gaps.
func TestTrends(t *testing.T) {
	status, text := ask(t, http.MethodGet, prefix+"history", "")
	if status != http.StatusOK {
		t.Fatal(status, text)
	}
	var got struct {
		Step   float64
		Series map[string][]*float64
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if got.Step != 5 || len(got.Series) != int(trends.SeriesCount) {
		t.Errorf("step %v, %d series", got.Step, len(got.Series))
	}
	for name, values := range got.Series {
		if len(values) != 720 || strings.ToLower(name) != name {
			t.Errorf("series %q: %d values", name, len(values))
		}
	}
	for v, want := range map[Value]string{0: "0", 1.5: "1.5", 12345678: "12345678", Value(math.NaN()): "null"} {
		if b, err := json.Marshal(v); err != nil || string(b) != want {
			t.Errorf("%v: %s, %v", v, b, err)
		}
	}
}
