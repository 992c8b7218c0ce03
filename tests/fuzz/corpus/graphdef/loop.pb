

xPlaceholder*
dtype0
 
eEnterx*

frame_namew

mMergeenext

cLessmm

lLoopCondc

sSwitchml

exitExits

nextNextIterations:1

yReluexit