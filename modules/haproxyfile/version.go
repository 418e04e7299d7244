// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// A version is three numbers, the stage of a version that is not finished, and that one's number:
// "3.2-dev5" is 3, 2, 0, dev, 5. The zero value stands for one that is not known.
type version [5]int

// stages are what comes before a release, of HAProxy and of OpenSSL, and their place.
var stages = map[string]int{"dev": 1, "alpha": 1, "pre": 2, "beta": 2, "rc": 3}

// released is the place after all stages.
const released = 4

// strictVersion is the first that refuses arguments that are empty.
var strictVersion = version{3, 3, 0, released}

// newVersion is that of a configuration: the newest of its branch, unless it is more exact than
// that.
func newVersion(branch string) version {
	v, ok := parseVersion(branch)
	if !ok {
		return version{}
	}
	if strings.Count(branch, ".") == 1 && v[3] == released {
		v[2] = math.MaxInt
	}
	return v
}

// parseVersion parses "3", "3.2", "3.2.1" or "3.2-dev5". What distributions append ("-1+deb12u1"),
// and the letter of old OpenSSL ("1.1.1k"), is not looked at.
func parseVersion(text string) (v version, ok bool) {
	numbers, suffix, _ := strings.Cut(text, "-")
	for i, field := range slices.Collect(strings.SplitSeq(numbers, ".")) {
		if i == 3 {
			return v, false
		}
		if i == 2 {
			field, _, _ = strings.Cut(field, "+")
			field = strings.TrimRight(field, "abcdefghijklmnopqrstuvwxyz")
		}
		n, err := strconv.ParseUint(field, 10, 31)
		if err != nil {
			return v, false
		}
		v[i] = int(n)
	}
	v[3] = released
	tag, _, _ := strings.Cut(suffix, "-")
	name := strings.TrimRight(tag, "0123456789")
	if stage, ok := stages[name]; ok {
		v[3] = stage
		v[4], _ = strconv.Atoi(tag[len(name):])
	}
	return v, true
}

// before compares. A version that is not known is not before any.
func (v version) before(other version) bool {
	if v == (version{}) {
		return false
	}
	return slices.Compare(v[:], other[:]) < 0
}
