
.
aPlaceholder*
dtype0*
shape:

rRelua*
T0
.
bPlaceholder*
dtype0*
shape:

yAddrb*
T0"¿