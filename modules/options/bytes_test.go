// SPDX-License-Identifier: Apache-2.0

package options

import "testing"

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "65536": 65536, "64KiB": 65536, "16MiB": 16 << 20, "2GiB": 2 << 30,
		"": 0, "0": 0, "-1": 0, "KiB": 0, "1.5MiB": 0, "1 MiB": 0, "1kb": 0, "9999999999GiB": 0,
	} {
		if got, err := parseBytes(text); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}
