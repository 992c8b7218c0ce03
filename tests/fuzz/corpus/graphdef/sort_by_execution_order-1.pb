

yAddab*
T0

aRelux*
T0
2
xPlaceholder*
dtype0*
shape
:

bNegx*
T0"¿