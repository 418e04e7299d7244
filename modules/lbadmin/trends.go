// SPDX-License-Identifier: Apache-2.0

package lbadmin

import (
	"encoding/json"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/control"
	"github.com/caddy-passthrough/caddy-passthrough/modules/trends"
)

// Trends are the last hour of the process.
type Trends struct {
	// End is the time of the last values.
	End time.Time `json:"end"`
	// Step is the time between two values, in seconds.
	Step float64 `json:"step"`
	// Series are the values by name, the oldest first: sessions (open connections), session_rate (new
	// sessions a second), bytes_in and bytes_out (bytes a second of clients and servers, as they
	// pass), errors (connections a second that were refused or failed) and saturation (the part of
	// the nearest limit that is used, from 0 to 1). A value is null if none was taken.
	Series map[string][]Value `json:"series"`
}

// Value is a value of a series.
type Value float32

// MarshalJSON writes a gap as null.
func (v Value) MarshalJSON() ([]byte, error) {
	if trends.IsGap(float32(v)) {
		return []byte("null"), nil
	}
	return json.Marshal(float32(v))
}

func newTrends() Trends {
	h := control.History()
	out := Trends{h.End, trends.Step.Seconds(), make(map[string][]Value)}
	for s := range trends.SeriesCount {
		values := make([]Value, len(h.Values[s]))
		for i, v := range h.Values[s] {
			values[i] = Value(v)
		}
		out.Series[s.String()] = values
	}
	return out
}
