module front

go 1.20

require golang.org/x/sync v0.7.0
