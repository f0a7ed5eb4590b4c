# SPDX-License-Identifier: Apache-2.0
"""A Go program of the size that services have: one of the tests', linked with some tens of thousands of functions more."""
import shutil

PACKAGES, FUNCTIONS = 40, 850   # some 50 MB without symbols

FUNCTION = """
func f{number}(in map[string]uint64, out []uint64) (string, error) {{
	sum := uint64({seed})
	for key, value := range in {{
		switch {{
		case value%{divisor} == 0:
			out = append(out, value)
		case len(key) > {length}:
			number, err := strconv.ParseUint(key, 10, 64)
			if err != nil {{
				return "", err
			}}
			sum ^= number
		default:
			defer func() {{ in[key] = sum }}()
		}}
	}}
	return strconv.FormatUint(sum, {base}), nil
}}
"""
TYPE = "func(map[string]uint64, []uint64) (string, error)"


def package(number):
    functions = [FUNCTION.format(number=f, seed=number * FUNCTIONS + f, divisor=f + 3, length=f % 60, base=2 + f % 30)
                 for f in range(FUNCTIONS)]
    names = ", ".join(f"f{f}" for f in range(FUNCTIONS))
    return f'package p{number}\n\nimport "strconv"\n{"".join(functions)}\nvar All = []{TYPE}{{{names}}}\n'


def enlarged(source, folder):
    """A copy of the main package in `source`; nothing of what is added ever runs, but the linker cannot know."""
    shutil.copytree(source, folder)
    module = (folder / "go.mod").read_text().split()[1]
    for number in range(PACKAGES):
        place = folder / "ballast" / f"p{number}"
        place.mkdir(parents=True)
        (place / "p.go").write_text(package(number))
    imports = "".join(f'\t"{module}/ballast/p{number}"\n' for number in range(PACKAGES))
    alls = ", ".join(f"p{number}.All" for number in range(PACKAGES))
    (folder / "ballast.go").write_text(
        f'package main\n\nimport (\n\t"os"\n{imports})\n\nfunc init() {{\n\tif len(os.Args) < 1000 {{\n\t\treturn\n\t}}\n'
        f"\tfor _, all := range [][]{TYPE}{{{alls}}} {{\n\t\tfor _, f := range all {{\n\t\t\tf(nil, nil)\n\t\t}}\n\t}}\n}}\n")
    return folder
