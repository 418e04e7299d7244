// SPDX-License-Identifier: Apache-2.0

package limits

import (
	"bytes"
	"os"
	"strconv"
)

// residentMemory returns the bytes of memory of the process, without those of files.
func residentMemory() (n int64, ok bool) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, false
	}
	_, rest, found := bytes.Cut(status, []byte("RssAnon:"))
	words := bytes.Fields(rest)
	if !found || len(words) == 0 {
		return 0, false
	}
	kb, err := strconv.ParseInt(string(words[0]), 10, 64)
	return kb << 10, err == nil
}
