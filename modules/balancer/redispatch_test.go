// SPDX-License-Identifier: Apache-2.0

package balancer

import (
	"encoding/json"
	"fmt"
	"testing"
)

func TestRedispatchInJSON(t *testing.T) {
	for text, want := range map[string]Redispatch{
		"true": {On: true}, "false": {}, "0": {}, "-1": {On: true, N: -1}, "3": {On: true, N: 3},
	} {
		var r Redispatch
		if err := json.Unmarshal([]byte(text), &r); err != nil || r != want {
			t.Errorf("%s: %+v (%v), want %+v", text, r, err, want)
		}
		if text == "0" {
			text = "false"
		}
		if b, err := json.Marshal(r); err != nil || string(b) != text {
			t.Errorf("%+v is written as %s (%v), want %s", r, b, err, text)
		}
	}
	for _, text := range []string{`"on"`, "1.5", "{}"} {
		if err := json.Unmarshal([]byte(text), new(Redispatch)); err == nil {
			t.Errorf("%s is taken", text)
		}
	}
	for n, ok := range map[int]bool{-101: false, -100: true, 100: true, 101: false} {
		if err := (Redispatch{On: true, N: n}).validate(); (err == nil) != ok {
			t.Errorf("%d: %v", n, err)
		}
	}
}

// TestRedispatchAt tests which retries a number selects.
func TestRedispatchAt(t *testing.T) {
	for _, c := range []struct {
		n, retries int
		want       string
	}{
		{1, 3, "[1 2 3]"},
		{2, 5, "[2 4]"},
		{4, 3, "[]"},
		{-1, 3, "[3]"},
		{-2, 3, "[2]"},
		{-3, 3, "[1 2 3]"},
		{-4, 3, "[]"},
		{-5, 3, "[]"},
		{-1, 1, "[1]"},
	} {
		at := []int{}
		for retry := 1; retry <= c.retries; retry++ {
			if (Redispatch{On: true, N: c.n}).At(retry, c.retries) {
				at = append(at, retry)
			}
		}
		if got := fmt.Sprint(at); got != c.want {
			t.Errorf("redispatch %d of %d retries: %s, want %s", c.n, c.retries, got, c.want)
		}
	}
}
