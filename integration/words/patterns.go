// SPDX-License-Identifier: Apache-2.0

package main

import (
	"regexp"
	"slices"
	"strings"
)

// A pattern is wording to avoid. Its places are where it is looked for.
type pattern struct {
	name    string
	instead string
	find    func(line string) bool
	in      place
}

type place uint8

const (
	comments place = 1 << iota // of Go files, tests included
	messages                   // string literals of Go files that are no tests
	prose                      // documents, outside of code
	names                      // of tests
)

const everywhere = comments | messages | prose

var patterns = []pattern{
	{"causative", `"X has Y do Z": write what X does to Y ("cancels the timer", "makes the check use TLS")`, causative, everywhere},
	{"person", `who, whoever, nobody, he: name the client, the server, the connection or the user`, word(`who|whoever|whom|nobody|somebody|anybody|everybody|he|him|his`), everywhere},
	{"what-is", `"what is little", "of what is": name the thing ("reads under 16 KiB")`, word(`what (is|are|was|were|has|comes|goes|came|there)`), everywhere},
	{"is-how", `"X is how many …": write "X returns …" or "X is the number of …"`, word(`(is|are) (how|who|what|whether|why)`), everywhere},
	{"no-more", `"is no more", "no more is": write "no longer", "stops", "left"`, noMore, everywhere},
	{"none", `"is none", "there is none": say what is missing`, word(`(is|are|was|were|be) none`), everywhere},
	{"told", `"is told": write "gets", "receives", "is notified"`, word(`(is|are|was|were|be|been) told|told (of|that)`), everywhere},
	{"speaks-of", `"says of", "speaks of", "tells of": write "describes", "reports"`, word(`(says?|said|speaks?|tells?|told) of`), everywhere},
	{"so-many", `"so many": write "N" or "the number of"`, word(`so (many|much|long|often)`), everywhere},
	{"for-ever", `"for ever": write "forever" or "without end"`, word(`for ever`), everywhere},
	{"test-name", `TestWhat…, TestWho…, TestNobody…: name the thing tested and the outcome`, testName, names},
}

func word(expression string) func(string) bool {
	return regexp.MustCompile(`(?i)\b(?:` + expression + `)\b`).MatchString
}

var noMoreWords = regexp.MustCompile(`(?i)\bno more\b(?: (\w+))?`)

// noMore finds "no more" where it means "no longer": before "than" it counts.
func noMore(line string) bool {
	for _, found := range noMoreWords.FindAllStringSubmatch(line, -1) {
		if found[1] != "than" {
			return true
		}
	}
	return false
}

var testNames = regexp.MustCompile(`^Test(?:What|Who|Whoever|Nobody|Those|That|Of|As)[A-Z]`)

func testName(name string) bool { return testNames.MatchString(name) }

var (
	causatives = regexp.MustCompile(`(?i)\b(?:has|have|had|having) ([\w' -]+)`)
	// baseVerbs are those that a causative is made with here, without those that are rather
	// nouns (end, use, check).
	baseVerbs = strings.Fields(`be do come go take fire begin start stop run wait send ask find get give make know look see hear tell listen
		connect count close pass try keep leave serve stay say read write accept answer become carry decide die drop fail follow forget
		happen hold learn let move need open pay pick put receive remember return show shut sit speak spend think travel understand use watch`)
	notObjects = strings.Fields(`to been not never already just also only yet had no`)
	notBefore  = strings.Fields(`to a an the its no one any each that this these those of in on at by for from with and or as is are may can
		could should would will must does did do be which who it they we you what how`)
)

// causativeWords is how far behind "has" the verb may be.
const causativeWords = 8

// causative finds "has the timer fire", but neither "has to fire" nor "has a use".
func causative(line string) bool {
	for _, found := range causatives.FindAllStringSubmatch(line, -1) {
		behind := strings.Fields(strings.ToLower(found[1]))
		if len(behind) < 2 || slices.Contains(notObjects, behind[0]) {
			continue
		}
		for i, verb := range behind[1:min(len(behind), causativeWords)] {
			if slices.Contains(baseVerbs, verb) && !slices.Contains(notBefore, behind[i]) {
				return true
			}
		}
	}
	return false
}
