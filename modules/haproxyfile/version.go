// SPDX-License-Identifier: Apache-2.0

package haproxyfile

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// A version is three numbers, the stage of a prerelease, and the number of that stage: "3.2-dev5"
// is 3, 2, 0, dev, 5. The zero value is an unknown version.
type version [5]int

// stages holds the stages of prereleases of HAProxy and OpenSSL, in order.
var stages = map[string]int{"dev": 1, "alpha": 1, "pre": 2, "beta": 2, "rc": 3}

// released is the stage of a release.
const released = 4

// strictVersion is the first version that rejects empty arguments.
var strictVersion = version{3, 3, 0, released}

// newVersion parses [Options.Branch]. A branch without a third number means its newest release.
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

// parseVersion parses "3", "3.2", "3.2.1" or "3.2-dev5". It ignores suffixes of distributions
// ("-1+deb12u1") and the letter of old versions of OpenSSL ("1.1.1k").
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

// before reports whether v is before other. An unknown version is before no other.
func (v version) before(other version) bool {
	if v == (version{}) {
		return false
	}
	return slices.Compare(v[:], other[:]) < 0
}
